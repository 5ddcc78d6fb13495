// Package oracle compares kubase's selectors with those of apimachinery; see ../README.md.
package oracle

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// object is what selectors can ask of one object.
type object struct {
	name, namespace string
	labels          labels.Set
	fields          fields.Set // of the object's kind, all of them
}

func (o object) fullName() string {
	if o.namespace == "" {
		return o.name
	}
	return o.namespace + "/" + o.name
}

// question is a selector with the objects it is asked of, and the answer.
type question struct {
	place          string // file and line
	labels, fields string
	objects        []object
	answer         string // names, or "refused"
}

// readQuestions reads a file in the format of README.md.
func readQuestions(path string) ([]question, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var questions []question
	var objects []object
	inObjects := false
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || line[0] == '#':
		case word == "case":
			inObjects = false
		case word == "objects":
			objects, inObjects = nil, true
		case word == "labels" || word == "fields":
			inObjects = false
			asked := question{place: fmt.Sprintf("%s:%d", path, number), objects: objects}
			end := strings.LastIndex(line, " =>")
			if end < 0 {
				return nil, fmt.Errorf("%s: no answer", asked.place)
			}
			text := unquote(strings.TrimPrefix(line[:end], word))
			text = strings.TrimPrefix(text, " ")
			if word == "labels" {
				asked.labels = text
			} else {
				asked.fields = text
			}
			asked.answer = strings.TrimSpace(line[end+len(" =>"):])
			questions = append(questions, asked)
		case inObjects:
			objects = append(objects, readObject(word, " "+rest))
		default:
			return nil, fmt.Errorf("%s:%d: what is this?", path, number)
		}
	}
	return questions, lines.Err()
}

func readObject(name, rest string) object {
	result := object{name: name}
	if namespace, inIt, found := strings.Cut(name, "/"); found {
		result.namespace, result.name = namespace, inIt
	}
	result.labels = readValues(rest, " labels{")
	result.fields = readValues(rest, " fields{")
	return result
}

func readValues(line, begin string) map[string]string {
	values := map[string]string{}
	_, list, _ := strings.Cut(line, begin)
	list, _, _ = strings.Cut(list, "}")
	if list == "" {
		return values
	}
	for _, pair := range strings.Split(list, ",") {
		key, value, _ := strings.Cut(pair, "=")
		values[unquote(key)] = unquote(value)
	}
	return values
}

// unquote gives the byte for each %XX.
func unquote(text string) string {
	plain, err := url.PathUnescape(text)
	if err != nil {
		panic(err) // the corpus is not as it should be
	}
	return plain
}

// answer tells what apimachinery says: "refused", "match" or "no".
func answer(labelSelector, fieldSelector string, o object) string {
	byLabels, err := labels.Parse(labelSelector)
	if err != nil {
		return "refused"
	}
	byFields, err := fields.ParseSelector(fieldSelector)
	if err != nil {
		return "refused"
	}
	if byLabels.Matches(o.labels) && matchesFields(byFields, o) {
		return "match"
	}
	return "no"
}

// matchesFields leaves out what cannot be decided: requirements on fields that the object's kind
// does not have.
func matchesFields(selector fields.Selector, o object) bool {
	set := fields.Set{}
	for name, value := range o.fields {
		set[name] = value
	}
	set["metadata.name"], set["metadata.namespace"] = o.name, o.namespace
	for _, requirement := range selector.Requirements() {
		if _, has := set[requirement.Field]; !has {
			continue
		}
		term := fields.OneTermEqualSelector(requirement.Field, requirement.Value)
		if requirement.Operator == selection.NotEquals {
			term = fields.OneTermNotEqualSelector(requirement.Field, requirement.Value)
		}
		if !term.Matches(set) {
			return false
		}
	}
	return true
}
