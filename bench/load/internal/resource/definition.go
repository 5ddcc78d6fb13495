package resource

import "fmt"

// DefinitionsPath is where definitions are created.
const DefinitionsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

// definition has the group, the plural, the singular and the kind left open.
const definition = `{
  "apiVersion": "apiextensions.k8s.io/v1",
  "kind": "CustomResourceDefinition",
  "metadata": {"name": "%[2]s.%[1]s"},
  "spec": {
    "group": "%[1]s",
    "scope": "Namespaced",
    "names": {"plural": "%[2]s", "singular": "%[3]s", "kind": "%[4]s"},
    "versions": [{
      "name": "v1",
      "served": true,
      "storage": true,
      "selectableFields": [{"jsonPath": ".spec.serial"}],
      "schema": {"openAPIV3Schema": {
        "type": "object",
        "properties": {"spec": {
          "type": "object",
          "properties": {"data": {"type": "string"}, "serial": {"type": "string"}}
        }}
      }}
    }]
  }
}`

// Definition is the CustomResourceDefinition of the kind.
func (k Kind) Definition() []byte {
	return fmt.Appendf(nil, definition, group, k.Plural(), k.Singular, k.camelCase())
}
