package pushdown

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
)

func TestSelectorsAreSentAsPrintableTextThatDecodesToThem(t *testing.T) {
	for _, selector := range []string{
		"app=a",
		"app in (a,b),!skip,tier notin (x),size>5",
		`spec.text=a\,b\=c\\d`,
		"spec.text= ",
		"spec.text=grün\x00\n\xff",
		"spec.text=100%",
		"spec.text=v] x-kubase-label-selector:[app=a",
	} {
		outgoing, sent := metadata.FromOutgoingContext(withSelectors(context.Background(), "", selector))
		if !sent || len(outgoing.Get(FieldSelectorKey)) != 1 {
			t.Fatalf("%q is not sent: %v", selector, outgoing)
		}
		value := outgoing.Get(FieldSelectorKey)[0]
		for _, char := range []byte(value) {
			if char <= ' ' || char >= 0x7f || char == '[' || char == ']' {
				t.Errorf("%q is sent as %q, with the byte %#x", selector, value, char)
			}
		}
		if decoded, err := url.PathUnescape(value); err != nil || decoded != selector {
			t.Errorf("%q is sent as %q, which decodes to %q, %v", selector, value, decoded, err)
		}
	}
}

// The etcd client puts watches with the same printed metadata on one stream.
func TestDifferentSelectorsNeverPrintTheSame(t *testing.T) {
	honest := withSelectors(context.Background(), "app=a", "spec.color=v")
	crafted := withSelectors(context.Background(), "", "spec.color=v] "+LabelSelectorKey+":[app=a")
	if a, b := printedMetadata(honest), printedMetadata(crafted); a == b {
		t.Errorf("two pairs of selectors share the stream %q", a)
	}
}

func printedMetadata(ctx context.Context) string {
	outgoing, _ := metadata.FromOutgoingContext(ctx)
	return fmt.Sprintf("%+v", map[string][]string(outgoing))
}

func TestTooLongASelectorIsNotSentAndTheOtherIs(t *testing.T) {
	long := "app in (" + strings.Repeat("a,", maxEncodedBytes) + "a)"
	outgoing, _ := metadata.FromOutgoingContext(withSelectors(context.Background(), long, "metadata.name=x"))
	if got := outgoing.Get(LabelSelectorKey); len(got) != 0 {
		t.Errorf("a selector of %d bytes is sent", len(got[0]))
	}
	if got := outgoing.Get(FieldSelectorKey); len(got) != 1 || got[0] != "metadata.name=x" {
		t.Errorf("field selector: %q", got)
	}
}

func TestNothingIsAddedWithoutSelectors(t *testing.T) {
	if _, sent := metadata.FromOutgoingContext(withSelectors(context.Background(), "", "")); sent {
		t.Error("an empty pair of selectors made metadata")
	}
}

func TestOtherMetadataStaysAndSelectorsOfAnOuterLayerAreReplaced(t *testing.T) {
	ctx := metadata.AppendToOutgoingContext(context.Background(), "hasleader", "true")
	ctx = withSelectors(ctx, "app=outer", "metadata.name=outer")
	inner, _ := metadata.FromOutgoingContext(withSelectors(ctx, "app=inner", ""))
	if got := fmt.Sprint(inner); got != fmt.Sprint(metadata.Pairs("hasleader", "true", LabelSelectorKey, "app=inner")) {
		t.Errorf("inner metadata: %s", got)
	}
	bare, _ := metadata.FromOutgoingContext(withoutSelectors(ctx))
	if got := fmt.Sprint(bare); got != fmt.Sprint(metadata.Pairs("hasleader", "true")) {
		t.Errorf("metadata without selectors: %s", got)
	}
	outer, _ := metadata.FromOutgoingContext(ctx)
	if got := outer.Get(LabelSelectorKey); len(got) != 1 || got[0] != "app=outer" {
		t.Errorf("the outer context was changed: %q", got)
	}
}
