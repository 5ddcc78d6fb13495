package informerfilter

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTheEndOfAWatchListIsSeenHoweverItIsCut(t *testing.T) {
	const before, after = "some objects", "an event with " + metav1.InitialEventsAnnotationKey
	for _, test := range []struct {
		content string
		want    int
	}{
		{before + metav1.InitialEventsAnnotationKey + after, 1},
		{before + metav1.InitialEventsAnnotationKey[1:], 0},
		{before, 0},
	} {
		for name, cut := range map[string]func(io.Reader) io.Reader{
			"whole":          func(r io.Reader) io.Reader { return r },
			"byte by byte":   iotest.OneByteReader,
			"end with bytes": iotest.DataErrReader,
		} {
			settled := 0
			response := &http.Response{Body: io.NopCloser(cut(strings.NewReader(test.content)))}
			settleAfter(response, read{isWatch: true, begins: true}, func() { settled++ })
			got, err := io.ReadAll(response.Body)
			if err != nil || string(got) != test.content || settled != test.want {
				t.Errorf("%s: %q, %v; seen %d times, want %d", name, got, err, settled, test.want)
			}
		}
	}
}
