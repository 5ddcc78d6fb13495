package informerfilter

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// digestion is the least time that an informer is given to take in a list that it has read. It does
// that in the background and nothing outside tells when it is done, but it takes less time than
// reading and decoding the list did.
const digestion = time.Second

// informer is what its requests tell of one metadata informer.
type informer struct {
	resource    schema.GroupResource
	wasFiltered bool
	begun       time.Time // when it last began to list without the filter; zero if it never did

	settling sync.Once
	settled  chan struct{} // closed when it has all objects
}

// settle tells that the informer has read all objects, and how long that took.
func (i *informer) settle(took time.Duration) {
	i.settling.Do(func() {
		time.AfterFunc(max(took, digestion), func() { close(i.settled) })
	})
}

// settleAfter calls settle when an informer has read the list that it gets or got before: at the
// bookmark in a watch-list, or else at the watch with which it goes on.
func settleAfter(response *http.Response, read read, settle func()) {
	switch {
	case !read.isWatch:
	case read.begins:
		response.Body = &listedBody{ReadCloser: response.Body, settle: settle}
	default:
		settle()
	}
}

// listedBody waits for the bookmark in a watch-list. It looks for the annotation's bytes, which are
// the same in every encoding.
type listedBody struct {
	io.ReadCloser
	settle func()
	listed bool
	tail   []byte // the end of what was read, in which the annotation may begin
}

func (b *listedBody) Read(into []byte) (int, error) {
	count, err := b.ReadCloser.Read(into)
	if b.listed {
		return count, err
	}
	const bookmark = metav1.InitialEventsAnnotationKey
	b.tail = append(b.tail, into[:count]...)
	if bytes.Contains(b.tail, []byte(bookmark)) {
		b.listed, b.tail = true, nil
		b.settle()
		return count, err
	}
	keep := min(len(b.tail), len(bookmark)-1)
	b.tail = append(b.tail[:0], b.tail[len(b.tail)-keep:]...)
	return count, err
}
