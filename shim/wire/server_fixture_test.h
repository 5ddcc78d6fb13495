// A server over a FakeStore on a free loopback port, and a channel to it.
#pragma once

#include <grpcpp/grpcpp.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/wire/fake_store_test.h"
#include "shim/wire/rpc.grpc.pb.h"
#include "shim/wire/server.h"

namespace kubase::wire {

namespace pb = ::etcdserverpb;

// A channel with a connection of its own.
inline std::shared_ptr<grpc::Channel> ConnectTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// The store and the rest outlive the server, as in the product.
struct TestServer {
  explicit TestServer(ServerOptions options = {}, int64_t term = 0) {
    if (options.listen_addresses.empty()) options.listen_addresses = {"127.0.0.1:0"};
    auto started = Server::Start(options, registry, *log, clock);
    if (!started.ok()) throw std::runtime_error(started.error().message);
    server = std::move(*started);
    const auto serving = server->Serve(store, term);
    if (!serving.ok()) throw std::runtime_error(serving.error().message);
  }

  const std::string& address() const { return server->addresses().front(); }
  std::shared_ptr<grpc::Channel> Connect() const { return ConnectTo(address()); }

  // Of the log, with `text` in them.
  long CountLines(const std::string& text) {
    const std::lock_guard lock(mutex);
    return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  }

  FakeStore store;
  prometheus::Registry registry;
  SystemClock clock;
  std::mutex mutex;
  std::vector<std::string> lines;  // guarded by mutex
  std::unique_ptr<Log> log = LogTo([this](LogLevel, const std::string& line) {
    const std::lock_guard lock(mutex);
    lines.push_back(line);
  });
  std::unique_ptr<Server> server;
};

// A context that cannot hang a test.
struct Context : grpc::ClientContext {
  Context() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20)); }
};

}  // namespace kubase::wire
