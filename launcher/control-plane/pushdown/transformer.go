package pushdown

import (
	"context"

	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/value"
)

// isolateTransformer returns config with a transformer that does not see the selectors. Encryption
// at rest can call a key service over gRPC with the context of the read that it decrypts for, and
// outgoing metadata would reach that service too.
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
	return t.Transformer.TransformFromStorage(withoutSelectors(ctx), data, dataCtx)
}
