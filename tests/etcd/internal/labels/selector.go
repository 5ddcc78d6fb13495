package labels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// and is between two requirements. A set has no blank behind its commas.
const and = ", "

// RandomSelector is one requirement or two.
func RandomSelector(random *rand.Rand) string {
	selector := randomRequirement(random)
	if random.IntN(3) == 0 {
		selector += and + randomRequirement(random)
	}
	return selector
}

func randomRequirement(random *rand.Rand) string {
	name, value := names[random.IntN(len(names))], values[random.IntN(len(values))]
	other := values[random.IntN(len(values))]
	switch random.IntN(8) {
	case 0:
		return name
	case 1:
		return "!" + name
	case 2:
		return name + "!=" + value
	case 3:
		return fmt.Sprintf("%s in (%s,%s)", name, value, other)
	case 4:
		return fmt.Sprintf("%s notin (%s,%s)", name, value, other)
	case 5:
		return fmt.Sprintf("%s notin (%s)", name, value)
	default: // what stores find watches by
		return name + "=" + value
	}
}

// Matches tells whether a selector of RandomSelector selects a value. One whose labels cannot be
// read matches every selector: who asked has to look at it.
func Matches(selector string, value []byte) bool {
	labels, readable := of(value)
	if !readable {
		return true
	}
	for requirement := range strings.SplitSeq(selector, and) {
		if !holds(requirement, labels) {
			return false
		}
	}
	return true
}

func holds(requirement string, labels map[string]string) bool {
	if name, is := strings.CutPrefix(requirement, "!"); is {
		return !has(labels, name)
	}
	if name, value, is := strings.Cut(requirement, "!="); is {
		return !isOneOf(labels, name, value)
	}
	if name, value, is := strings.Cut(requirement, "="); is {
		return isOneOf(labels, name, value)
	}
	if name, set, is := strings.Cut(requirement, " notin "); is {
		return !isOneOf(labels, name, elements(set)...)
	}
	if name, set, is := strings.Cut(requirement, " in "); is {
		return isOneOf(labels, name, elements(set)...)
	}
	return has(labels, requirement)
}

func elements(set string) []string { return strings.Split(strings.Trim(set, "()"), ",") }

func has(labels map[string]string, name string) bool {
	_, is := labels[name]
	return is
}

func isOneOf(labels map[string]string, name string, values ...string) bool {
	value, is := labels[name]
	return is && slices.Contains(values, value)
}

// HariKube's fields of the requests for a label selector. etcd's types do not know them, so that
// they are what a message has beside its fields.
const (
	fieldOfRange protowire.Number = 14
	fieldOfWatch protowire.Number = 9
)

// Select puts a selector into a request.
func Select(request proto.Message, selector string) {
	field := fieldOfRange
	if _, watch := request.(*pb.WatchCreateRequest); watch {
		field = fieldOfWatch
	}
	raw := protowire.AppendTag(nil, field, protowire.BytesType)
	request.ProtoReflect().SetUnknown(protowire.AppendString(raw, selector))
}

// SelectorOf is what Select has put into a request, else empty.
func SelectorOf(request proto.Message) string {
	raw := request.ProtoReflect().GetUnknown()
	if len(raw) == 0 {
		return ""
	}
	_, _, tag := protowire.ConsumeTag(raw)
	selector, _ := protowire.ConsumeString(raw[tag:])
	return selector
}
