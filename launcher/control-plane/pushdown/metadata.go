package pushdown

import (
	"context"
	"net/url"

	"google.golang.org/grpc/metadata"
)

// The keys of the selectors in the metadata of Range, RangeStream and Watch calls. A value is the
// selector as labels.Selector and fields.Selector print it, percent-encoded as a URL path segment.
//
// The encoding is needed because a field selector holds any text: gRPC refuses to send control
// characters and bytes beyond ASCII in a plain value, receivers strip spaces at its ends, and the
// etcd client finds the gRPC stream of a watch by the *printed* metadata ("map[key:[value] ...]"),
// so that a value with a bracket in it could pass for another request's pair of selectors and share
// its filtered stream.
const (
	LabelSelectorKey = "x-kubase-label-selector"
	FieldSelectorKey = "x-kubase-field-selector"
)

// maxEncodedBytes bounds an encoded selector. A longer one is not sent: gRPC servers refuse calls
// whose metadata is larger than about 8 KiB in total, and what is not sent is only filtered later.
const maxEncodedBytes = 3072

// withSelectors returns ctx with the selectors in the outgoing metadata; an empty one is left out.
// It replaces what an outer context may hold under the keys, so that two layers never send a
// selector twice.
//
// One etcd client keeps a gRPC stream per distinct metadata and runs all watches with that metadata
// on it, so each distinct pair of selectors that is being watched is a stream of its own; the
// client closes it with its last watch. A watch that asks for progress is answered on its own
// stream only.
func withSelectors(ctx context.Context, labelSelector, fieldSelector string) context.Context {
	labelValue, fieldValue := encode(labelSelector), encode(fieldSelector)
	if labelValue == "" && fieldValue == "" {
		return ctx
	}
	outgoing := withoutSelectorKeys(ctx)
	if labelValue != "" {
		outgoing.Set(LabelSelectorKey, labelValue)
	}
	if fieldValue != "" {
		outgoing.Set(FieldSelectorKey, fieldValue)
	}
	return metadata.NewOutgoingContext(ctx, outgoing)
}

// withoutSelectors returns ctx without the selectors, for what must not see them.
func withoutSelectors(ctx context.Context) context.Context {
	if _, sent := metadata.FromOutgoingContext(ctx); !sent {
		return ctx
	}
	return metadata.NewOutgoingContext(ctx, withoutSelectorKeys(ctx))
}

// withoutSelectorKeys returns a copy of the outgoing metadata of ctx, free of the selectors.
func withoutSelectorKeys(ctx context.Context) metadata.MD {
	outgoing, sent := metadata.FromOutgoingContext(ctx)
	if !sent {
		return metadata.MD{}
	}
	outgoing.Delete(LabelSelectorKey)
	outgoing.Delete(FieldSelectorKey)
	return outgoing
}

// encode returns the form of a selector on the wire, or "" for one that is empty or too long to be
// sent.
func encode(selector string) string {
	encoded := url.PathEscape(selector)
	if len(encoded) > maxEncodedBytes {
		return ""
	}
	return encoded
}
