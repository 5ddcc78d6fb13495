package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// PageSize is the number of keys on one page of a list: that of kubectl and of many controllers.
const PageSize = 500

// ErrUnsupported is the answer of a server that does not know the call.
var ErrUnsupported = errors.New("the server does not know this call")

// Get reads one key after another, at random.
func (c *Client) Get(ctx context.Context, workers int, duration time.Duration,
	keys *Keys) (Sample, error) {
	return c.run(ctx, workers, bound{limit: duration},
		func(ctx context.Context, w *worker, _ int) error {
			key := keys.name(w.random.IntN(keys.Len()))
			response, err := w.kv.Range(ctx, &pb.RangeRequest{Key: key, Limit: 1})
			if err != nil {
				return err
			}
			if len(response.Kvs) != 1 || len(response.Kvs[0].Value) != ValueBytes ||
				!bytes.Equal(response.Kvs[0].Key, key) {
				return fmt.Errorf("get of %s: %d pairs", key, len(response.Kvs))
			}
			w.items++
			return nil
		})
}

// Count asks how many keys there are.
func (c *Client) Count(ctx context.Context, workers int, duration time.Duration,
	keys *Keys) (Sample, error) {
	return c.run(ctx, workers, bound{limit: duration},
		func(ctx context.Context, w *worker, _ int) error {
			response, err := w.kv.Range(ctx, &pb.RangeRequest{
				Key: []byte(prefix), RangeEnd: []byte(prefixEnd), CountOnly: true,
			})
			if err != nil {
				return err
			}
			if response.Count != int64(keys.Len()) {
				return fmt.Errorf("count %d of %d keys", response.Count, keys.Len())
			}
			w.items++
			return nil
		})
}

// CountOf is how many keys there are below a prefix that ends with a slash.
func (c *Client) CountOf(ctx context.Context, prefix string) (int, error) {
	response, err := c.kv[0].Range(ctx, &pb.RangeRequest{
		Key: []byte(prefix), RangeEnd: []byte(strings.TrimSuffix(prefix, "/") + "0"), CountOnly: true,
	})
	return int(response.GetCount()), err
}

// List walks over all keys page by page, as kube-apiserver does: the later pages at the revision of
// the first. An operation is a page. The workers begin at different places.
func (c *Client) List(ctx context.Context, workers int, duration time.Duration,
	keys *Keys) (Sample, error) {
	walks := make([]walk, workers)
	for id := range walks {
		first := id * keys.Len() / workers
		walks[id] = walk{next: keys.sorted(first), left: keys.Len() - first}
	}
	return c.run(ctx, workers, bound{limit: duration},
		func(ctx context.Context, w *worker, _ int) error {
			return walks[w.id].page(ctx, w, keys)
		})
}

// walk is where a worker is in a list.
type walk struct {
	next     []byte
	left     int // keys from next on
	revision int64
}

func (l *walk) page(ctx context.Context, w *worker, keys *Keys) error {
	response, err := w.kv.Range(ctx, &pb.RangeRequest{
		Key: l.next, RangeEnd: []byte(prefixEnd), Limit: PageSize, Revision: l.revision,
	})
	if err != nil {
		return err
	}
	if len(response.Kvs) != min(PageSize, l.left) || response.Count != int64(l.left) ||
		response.More != (l.left > PageSize) {
		return fmt.Errorf("list from %s, where %d keys are left: %d pairs, count %d, more %v",
			l.next, l.left, len(response.Kvs), response.Count, response.More)
	}
	w.items += int64(len(response.Kvs))
	if !response.More {
		*l = walk{next: []byte(prefix), left: keys.Len()}
		return nil
	}
	if l.revision == 0 {
		l.revision = response.Header.Revision
	}
	l.left -= len(response.Kvs)
	l.next = append(bytes.Clone(response.Kvs[len(response.Kvs)-1].Key), 0)
	return nil
}

// Stream reads all keys by the call that streams them, over and over.
func (c *Client) Stream(ctx context.Context, workers int, duration time.Duration,
	keys *Keys) (Sample, error) {
	sample, err := c.run(ctx, workers, bound{limit: duration},
		func(ctx context.Context, w *worker, _ int) error {
			read, err := w.stream(ctx)
			if err == nil && read != keys.Len() {
				err = fmt.Errorf("%d of %d keys were streamed", read, keys.Len())
			}
			w.items += int64(read)
			return err
		})
	if status.Code(errors.Unwrap(err)) == codes.Unimplemented {
		return Sample{}, ErrUnsupported
	}
	return sample, err
}

func (w *worker) stream(ctx context.Context) (int, error) {
	stream, err := w.kv.RangeStream(ctx,
		&pb.RangeRequest{Key: []byte(prefix), RangeEnd: []byte(prefixEnd)})
	if err != nil {
		return 0, err
	}
	read := 0
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return read, nil
		}
		if err != nil {
			return read, err
		}
		read += len(response.RangeResponse.GetKvs())
	}
}
