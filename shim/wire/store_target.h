// StoreTarget: the etcd API of one store, for the connections that are given to it.
#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <memory>
#include <optional>

#include "shim/base/result.h"
#include "shim/wire/connection_target.h"
#include "shim/wire/edge.h"
#include "shim/wire/gate.h"
#include "shim/wire/tls_source.h"

namespace kubase::wire {

class StoreTarget final : public ConnectionTarget {
 public:
  struct Options {
    store::Store& store;
    const Clock& clock;
    Log& log;
    RpcMetrics& metrics;
    EtcdVersion version;
    std::vector<std::string> client_urls;
    TlsSource* tls = nullptr;  // null: no connection has TLS
    int64_t term = 0;          // in which the store leads its database
  };

  // What the options refer to must outlive it. Errors: kUnavailable (the store does not answer),
  // kInternal.
  static Result<std::unique_ptr<StoreTarget>> Start(const Options& options);
  ~StoreTarget() override;  // refuses and cancels what there still is

  void Take(Listener::HandedOver connection) override;
  void CheckHealth(const std::string& query, HealthDone done) override;

  // Refuses new calls, ends the streams and gives the rest so long to finish. Then the connections
  // are to be closed, and what is left of calls ends with this.
  void Drain(std::chrono::milliseconds longest);

 private:
  using Acceptor = grpc::experimental::ExternalConnectionAcceptor;
  struct Services;

  explicit StoreTarget(const Options& options, const Identity& identity);
  Result<void> Build(TlsSource* tls);

  const int64_t term_;
  Gate gate_;
  Edge edge_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<Acceptor> plain_acceptor_;
  std::unique_ptr<Acceptor> tls_acceptor_;  // null without TLS
  std::unique_ptr<grpc::Server> grpc_server_;
};

}  // namespace kubase::wire
