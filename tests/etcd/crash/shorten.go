package crash

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"kubase/tests/etcd/internal/model"
)

const longValue = 1000

// shorten replaces a long value by its digest: the model keeps every value there ever was.
func shorten(value string) string {
	if len(value) < longValue {
		return value
	}
	return fmt.Sprintf("%d bytes, SHA-256 %x", len(value), sha256.Sum256([]byte(value)))
}

func shortened(changes []model.Change) []model.Change {
	short := slices.Clone(changes)
	for i := range short {
		short[i].Value = shorten(short[i].Value)
	}
	return short
}

func shortenEvents(events []*mvccpb.Event) {
	for _, event := range events {
		shortenValues(event.Kv, event.PrevKv)
	}
}

func shortenValues(kvs ...*mvccpb.KeyValue) {
	for _, kv := range kvs {
		if len(kv.GetValue()) >= longValue {
			kv.Value = []byte(shorten(string(kv.Value)))
		}
	}
}
