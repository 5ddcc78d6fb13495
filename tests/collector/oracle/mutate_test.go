package oracle

import (
	"bytes"
	"encoding/binary"

	"k8s.io/apimachinery/pkg/runtime"
)

// Members that come twice or are of another type, wherever they get.
var intruders = []string{`"metadata":{}`, `"metadata":{"uid":"u-9"}`, `"metadata":null`, `"Metadata":{"uid":"u-9"}`,
	`"metadat\u0061":{"uid":"u-9"}`, `"uid":"u-9"`, `"uid":5`, `"uid":null`, `"finalizers":["x"]`, `"finalizers":"x"`,
	`"finalizers":[null]`, `"ownerReferences":[]`, `"ownerReferences":[null]`, `"ownerReferences":[{"uid":5}]`,
	`"generation":1.5`, `"generation":1e2`, `"generation":9223372036854775808`, `"labels":{"a":1}`,
	`"labels":{"` + skipLabel + `":null}`, `"blockOwnerDeletion":true`, `"blockOwnerDeletion":"true"`,
	`"deletionTimestamp":"2020-01-01T00:00:00+01:00"`, `"deletionTimestamp":"0001-01-01T00:00:00Z"`,
	`"deletionTimestamp":"2020-1-1"`, `"deletionTimestamp":""`, `"deletionGracePeriodSeconds":1.0`,
	`"phase":1`, `"phase":"Active"`, `"status":[]`, `"x0":1`, `"x9":18446744073709551616`}

func insert(value []byte, at int, what string) []byte {
	return append(append(append([]byte{}, value[:at]...), what...), value[at:]...)
}

// noise changes single bytes.
func (g generator) noise(value []byte, alphabet string) []byte {
	value = bytes.Clone(value)
	for range 1 + g.IntN(2) {
		at := g.IntN(len(value))
		switch g.IntN(3) {
		case 0:
			value[at] = alphabet[g.IntN(len(alphabet))]
		case 1:
			value = append(value[:at], value[at+1:]...)
		default:
			value = insert(value, at, alphabet[g.IntN(len(alphabet)):][:1])
		}
	}
	return value
}

func (g generator) mutatedJSON(value []byte) []byte {
	if g.sometimes(2) {
		return g.noise(value, "{}[],:\"\\nu0a1.e- \xff")
	}
	var places []int
	for at, c := range value {
		if c == '{' {
			places = append(places, at+1)
		}
	}
	at := of(g, places)
	separator := ","
	if bytes.HasPrefix(bytes.TrimLeft(value[at:], " \t\r\n"), []byte("}")) {
		separator = ""
	}
	return insert(value, at, of(g, intruders)+separator)
}

// field gives one of any number and type.
func (g generator) field() []byte {
	number := of(g, []uint64{1, 2, 3, 4, 5, 7, 9, 10, 11, 13, 14, 16, 100})
	kind := g.Uint64N(6)
	field := binary.AppendUvarint(nil, number<<3|kind)
	switch kind {
	case 0:
		return binary.AppendUvarint(field, g.Uint64()>>g.IntN(64))
	case 1:
		return append(field, "12345678"...)
	case 2:
		content := of(g, []string{"", "u-9", "\x0a\x01a", "\x08\x05", "\x22\x03u-9", "\x38\x01"})
		return append(append(field, byte(len(content))), content...)
	case 3:
		return binary.AppendUvarint(field, number<<3|4) // an empty group
	case 5:
		return append(field, "1234"...)
	}
	return field
}

// mutatedProtobuf has fields that come twice or are of another type, or noise.
func (g generator) mutatedProtobuf(value []byte) []byte {
	var unknown runtime.Unknown
	if g.sometimes(3) || unknown.Unmarshal(value[4:]) != nil {
		return g.noise(value, "\x00\x01\x02\x0a\x2a\x38\x4a\x6a\x72\x7f\x80\xff")
	}
	size, sizeBytes := binary.Uvarint(unknown.Raw[1:])
	metadata, rest := unknown.Raw[1+sizeBytes:][:size], unknown.Raw[1+sizeBytes+int(size):]
	switch g.IntN(3) {
	case 0:
		rest = append(g.field(), rest...)
	case 1:
		metadata = append(bytes.Clone(metadata), g.field()...)
	default:
		metadata = append(g.field(), metadata...)
	}
	unknown.Raw = append(append(binary.AppendUvarint([]byte{0x0a}, uint64(len(metadata))), metadata...), rest...)
	data, err := unknown.Marshal()
	if err != nil {
		return value
	}
	return append([]byte("k8s\x00"), data...)
}
