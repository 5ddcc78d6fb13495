package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// bulkPuts is the number of puts in one transaction when keys are made in bulk: etcd takes no more.
const bulkPuts = 128

// writeLimit ends a measurement of writes that takes too long; the rate is that of what was done.
const writeLimit = 120 * time.Second

// longLimit ends what takes minutes with many keys, and longer through kube-apiserver.
const longLimit = 2 * time.Hour

// Create makes the keys in their random order, each by a transaction of its own, as kube-apiserver
// does. All of them exist afterwards, unless an error says otherwise.
func (c *Client) Create(ctx context.Context, workers int, keys *Keys) (Sample, error) {
	return c.create(ctx, workers, keys, writeLimit)
}

// Fill makes the keys one by one, for servers that cannot take them in bulk.
func (c *Client) Fill(ctx context.Context, workers int, keys *Keys) error {
	_, err := c.create(ctx, workers, keys, longLimit)
	return err
}

func (c *Client) create(ctx context.Context, workers int, keys *Keys,
	limit time.Duration) (Sample, error) {
	sample, err := c.run(ctx, workers, bound{operations: keys.share, limit: limit},
		func(ctx context.Context, w *worker, n int) error {
			return w.put(ctx, keys, n*w.workers+w.id)
		})
	if err == nil && sample.Operations != keys.Len() {
		err = fmt.Errorf("%d of %d creations in %v", sample.Operations, keys.Len(), limit)
	}
	return sample, err
}

// Update writes a number of the keys anew, each as kube-apiserver does: if its revision is still
// the known one; else the server is to return the key.
func (c *Client) Update(ctx context.Context, workers, updates int, keys *Keys) (Sample, error) {
	until := bound{limit: writeLimit, operations: inAll(updates)}
	return c.run(ctx, workers, until, func(ctx context.Context, w *worker, n int) error {
		return w.update(ctx, keys, n)
	})
}

// UpdateWhile updates keys over and over while something else is done, and returns its error.
func (c *Client) UpdateWhile(ctx context.Context, workers int, keys *Keys,
	something func(ctx context.Context) error) (Sample, error) {
	return while(ctx, something, func(ctx context.Context, until bound) (Sample, error) {
		return c.run(ctx, workers, until,
			func(ctx context.Context, w *worker, n int) error { return w.update(ctx, keys, n) })
	})
}

// UpdateAtRateWhile is UpdateWhile with so many updates a second. While the server holds them up,
// further ones begin, until all workers wait.
func (c *Client) UpdateAtRateWhile(ctx context.Context, workers int, rate float64, keys *Keys,
	something func(ctx context.Context) error) (Sample, error) {
	return while(ctx, something, func(ctx context.Context, until bound) (Sample, error) {
		return c.updateAtRate(ctx, workers, until, rate, keys)
	})
}

// while lets a load last as long as something else that is done.
func while(ctx context.Context, something func(ctx context.Context) error,
	run func(ctx context.Context, until bound) (Sample, error)) (Sample, error) {
	stop := make(chan struct{})
	failed := make(chan error, 1)
	ctx, cancel := context.WithTimeout(ctx, longLimit)
	defer cancel()
	go func() {
		failed <- something(ctx)
		close(stop)
	}()
	sample, err := run(ctx, bound{stop: stop, limit: longLimit})
	if err != nil {
		cancel()
	}
	return sample, errors.Join(err, <-failed)
}

// UpdateAtRate begins a number of updates, so many a second, whatever the server does.
func (c *Client) UpdateAtRate(ctx context.Context, updates int, rate float64,
	keys *Keys) (Sample, error) {
	const workers = 8
	until := bound{limit: writeLimit, operations: inAll(updates)}
	return c.updateAtRate(ctx, workers, until, rate, keys)
}

func (c *Client) updateAtRate(ctx context.Context, workers int, until bound, rate float64,
	keys *Keys) (Sample, error) {
	began := time.Now()
	return c.run(ctx, workers, until, func(ctx context.Context, w *worker, n int) error {
		number := float64(n*w.workers + w.id)
		due := began.Add(time.Duration(number / rate * float64(time.Second)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case w.began = <-time.After(time.Until(due)):
		}
		return w.update(ctx, keys, n)
	})
}

// Delete removes the keys, each if its revision is still the known one.
func (c *Client) Delete(ctx context.Context, workers int, keys *Keys) (Sample, error) {
	return c.run(ctx, workers, bound{operations: keys.share, limit: writeLimit},
		func(ctx context.Context, w *worker, n int) error {
			return w.remove(ctx, keys, n*w.workers+w.id)
		})
}

// PutInBulk writes the first count keys, whether they exist or not, as fast as the server can: many
// in one transaction, in the order of the names.
func (c *Client) PutInBulk(ctx context.Context, keys *Keys, count int) error {
	const workers = 8
	positions := make([]int32, keys.Len())
	for position, i := range keys.order {
		positions[i] = int32(position)
	}
	batches := (count + bulkPuts - 1) / bulkPuts
	until := bound{limit: longLimit, operations: inAll(batches)}
	sample, err := c.run(ctx, workers, until, func(ctx context.Context, w *worker, n int) error {
		first := (n*w.workers + w.id) * bulkPuts
		return w.putBatch(ctx, keys, positions[first:min(first+bulkPuts, count)])
	})
	if err == nil && sample.Operations != batches {
		err = fmt.Errorf("%d of %d transactions in %v", sample.Operations, batches, longLimit)
	}
	return err
}

func (w *worker) putBatch(ctx context.Context, keys *Keys, positions []int32) error {
	request := &pb.TxnRequest{}
	for _, position := range positions {
		put := putOf(keys.name(int(position)), keys.value(w, int(position)))
		request.Success = append(request.Success, put)
	}
	response, err := w.kv.Txn(ctx, request)
	if err != nil {
		return err
	}
	for _, position := range positions {
		keys.revisions[position] = response.Header.Revision
	}
	return nil
}

func (w *worker) update(ctx context.Context, keys *Keys, n int) error {
	share := keys.share(w.id, w.workers)
	if share == 0 {
		return fmt.Errorf("%d keys are too few for %d workers", keys.Len(), w.workers)
	}
	return w.put(ctx, keys, w.id+n%share*w.workers)
}

// put creates or updates a key: the two differ in the revision that is expected, and a creation
// asks for nothing when it is refused.
func (w *worker) put(ctx context.Context, keys *Keys, position int) error {
	key := keys.name(position)
	request := conditional(key, keys.revisions[position], putOf(key, keys.value(w, position)))
	response, err := w.kv.Txn(ctx, request)
	if err != nil {
		return err
	}
	if !response.Succeeded {
		return fmt.Errorf("%s is not at revision %d", key, keys.revisions[position])
	}
	keys.revisions[position] = response.Header.Revision
	w.items++
	return nil
}

func (w *worker) remove(ctx context.Context, keys *Keys, position int) error {
	key := keys.name(position)
	response, err := w.kv.Txn(ctx, conditional(key, keys.revisions[position], &pb.RequestOp{
		Request: &pb.RequestOp_RequestDeleteRange{
			RequestDeleteRange: &pb.DeleteRangeRequest{Key: key},
		},
	}))
	if err != nil {
		return err
	}
	if !response.Succeeded {
		return fmt.Errorf("%s is not at revision %d", key, keys.revisions[position])
	}
	keys.revisions[position] = 0
	w.items++
	return nil
}

func conditional(key []byte, revision int64, then *pb.RequestOp) *pb.TxnRequest {
	request := &pb.TxnRequest{
		Compare: []*pb.Compare{{
			Result:      pb.Compare_EQUAL,
			Target:      pb.Compare_MOD,
			Key:         key,
			TargetUnion: &pb.Compare_ModRevision{ModRevision: revision},
		}},
		Success: []*pb.RequestOp{then},
	}
	if revision != 0 {
		request.Failure = []*pb.RequestOp{{
			Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: key, Limit: 1}},
		}}
	}
	return request
}

func putOf(key, value []byte) *pb.RequestOp {
	return &pb.RequestOp{
		Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key, Value: value}},
	}
}
