package resource

import (
	"encoding/json"
	"testing"
)

func TestObjectsAreOfOneSizeAndHaveTheirLabels(t *testing.T) {
	kind := Kind{Singular: "item"}
	for _, number := range []int{0, 7, 999_999_999} {
		for labels, content := range map[int][]byte{5: kind.Object(number), 0: kind.Unlabelled(number)} {
			var object struct {
				Kind     string
				Metadata struct {
					Name, Namespace string
					Labels          map[string]string
				}
				Spec struct{ Serial string }
			}
			if err := json.Unmarshal(content, &object); err != nil {
				t.Fatalf("%v in %s", err, content)
			}
			if len(content) != ObjectBytes || object.Kind != "Item" ||
				object.Metadata.Name != Name(number) || object.Metadata.Namespace != Namespace ||
				len(object.Metadata.Labels) != labels {
				t.Errorf("%d bytes: %s", len(content), content)
			}
			if "spec.serial="+object.Spec.Serial != SerialField(number) {
				t.Errorf("the field is %q", object.Spec.Serial)
			}
			if labels > 0 && "serial="+object.Metadata.Labels["serial"] != SerialLabel(number) {
				t.Errorf("the labels are %v", object.Metadata.Labels)
			}
		}
	}
}

func TestADependentNamesItsOwner(t *testing.T) {
	owner := Reference{Kind: Kind{Singular: "owner"}, Number: 3, UID: "one"}
	content := (Kind{Singular: "item"}).Dependent(7, owner)
	var object struct {
		Metadata struct {
			Labels          map[string]string
			OwnerReferences []struct{ APIVersion, Kind, Name, UID string }
		}
	}
	if err := json.Unmarshal(content, &object); err != nil {
		t.Fatalf("%v in %s", err, content)
	}
	references := object.Metadata.OwnerReferences
	if len(content) != ObjectBytes || len(object.Metadata.Labels) != 5 || len(references) != 1 {
		t.Fatalf("%d bytes: %s", len(content), content)
	}
	got := references[0]
	if got.APIVersion != group+"/v1" || got.Kind != "Owner" || got.Name != Name(3) ||
		got.UID != owner.UID {
		t.Errorf("the owner is %+v", got)
	}
}

func TestDefinitionIsJSON(t *testing.T) {
	if definition := (Kind{Singular: "item"}).Definition(); !json.Valid(definition) {
		t.Errorf("%s", definition)
	}
}
