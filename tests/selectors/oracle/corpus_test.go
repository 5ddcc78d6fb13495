package oracle

import (
	"path/filepath"
	"strings"
	"testing"
)

// So that a file that is not read is noticed.
const questionsMin = 250

func TestCorpusIsWhatApimachinerySays(t *testing.T) {
	paths, err := filepath.Glob("../*.txt")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, path := range paths {
		if filepath.Base(path) == "CMakeLists.txt" {
			continue
		}
		questions, err := readQuestions(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range questions {
			count++
			if got := allAnswers(asked); got != asked.answer {
				t.Errorf("%s: apimachinery says %q, not %q", asked.place, got, asked.answer)
			}
		}
	}
	if count < questionsMin {
		t.Errorf("only %d questions", count)
	}
}

func allAnswers(asked question) string {
	if answer(asked.labels, asked.fields, object{}) == "refused" {
		return "refused"
	}
	var names []string
	for _, o := range asked.objects {
		if answer(asked.labels, asked.fields, o) == "match" {
			names = append(names, o.fullName())
		}
	}
	return strings.Join(names, " ")
}
