// A generated service whose methods get bytes instead of messages.
//
// gRPC answers a request that it cannot parse with Unimplemented and tells the handler nothing.
// Ours parse by themselves, because etcd answers Internal, and can write an answer without a
// message.
#pragma once

namespace kubase::wire {
namespace internal {

template <typename Service, template <typename> typename... Methods>
struct Fold {
  using Type = Service;
};
template <typename Service, template <typename> typename First,
          template <typename> typename... Others>
struct Fold<Service, First, Others...> {
  using Type = First<typename Fold<Service, Others...>::Type>;
};

}  // namespace internal

// The class to derive from: Service with each of the Methods, the generated
// WithRawCallbackMethod_NAME. None may be missing: gRPC takes it for a synchronous one and starts
// threads for such calls.
template <typename Service, template <typename> typename... Methods>
using RawService = typename internal::Fold<Service, Methods...>::Type;

}  // namespace kubase::wire
