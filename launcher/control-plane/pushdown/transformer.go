package pushdown

import (
	"context"

	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/value"

	"kubase/control-plane/collecting"
)

// isolateTransformer returns config with a transformer that does not see what the layer tells the
// storage. Encryption at rest can call a key service over gRPC with the context of the read or write
// that it works for, and outgoing metadata would reach that service too.
func isolateTransformer(
	config *storagebackend.ConfigForResource,
) *storagebackend.ConfigForResource {
	if config.Transformer == nil {
		return config
	}
	isolated := *config
	isolated.Transformer = isolatedTransformer{config.Transformer}
	return &isolated
}

type isolatedTransformer struct{ value.Transformer }

func (t isolatedTransformer) TransformFromStorage(
	ctx context.Context, data []byte, dataCtx value.Context,
) (out []byte, stale bool, err error) {
	ctx = collecting.WithoutWriter(withoutSelectors(ctx))
	return t.Transformer.TransformFromStorage(ctx, data, dataCtx)
}

func (t isolatedTransformer) TransformToStorage(
	ctx context.Context, data []byte, dataCtx value.Context,
) ([]byte, error) {
	return t.Transformer.TransformToStorage(collecting.WithoutWriter(ctx), data, dataCtx)
}
