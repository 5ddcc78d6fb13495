#include "shim/wire/gate.h"

#include <catch2/catch.hpp>
#include <future>
#include <thread>

namespace kubase::wire {
namespace {

using std::chrono::milliseconds;

class Recorder final : public OpenStream {
 public:
  void End(const grpc::Status& status) override { ended.push_back(status.error_message()); }
  std::vector<std::string> ended;
};

TEST_CASE("Gate: lets calls in until it closes, and then none") {
  Gate gate;
  REQUIRE(gate.Enter());
  gate.Close(grpc::Status::OK);
  CHECK_FALSE(gate.Enter());
  CHECK_FALSE(gate.WaitUntilIdle(milliseconds(1)));
  gate.Leave();
  CHECK(gate.WaitUntilIdle(milliseconds(0)));
}

TEST_CASE("Gate: a wait ends with the last call that leaves") {
  Gate gate;
  REQUIRE(gate.Enter());
  REQUIRE(gate.Enter());
  gate.Close(grpc::Status::OK);
  auto idle =
      std::async(std::launch::async, [&] { return gate.WaitUntilIdle(milliseconds(20'000)); });
  gate.Leave();
  gate.Leave();
  CHECK(idle.get());
}

TEST_CASE("Gate: closing tells every open stream once, and streams that left not at all") {
  Gate gate;
  Recorder open;
  Recorder left;
  REQUIRE(gate.EnterStream(&open));
  REQUIRE(gate.EnterStream(&left));
  gate.LeaveStream(&left);
  const grpc::Status bye(grpc::StatusCode::UNAVAILABLE, "bye");
  gate.Close(bye);
  gate.Close(bye);
  CHECK(open.ended == std::vector<std::string>{"bye"});
  CHECK(left.ended.empty());
  Recorder late;
  CHECK_FALSE(gate.EnterStream(&late));
  CHECK(late.ended.empty());
  gate.LeaveStream(&open);
  CHECK(gate.WaitUntilIdle(milliseconds(0)));
}

TEST_CASE("Gate: streams that race with closing are either refused or told") {
  for (int round = 0; round < 200; ++round) {
    Gate gate;
    Recorder stream;
    std::thread closer([&] { gate.Close(grpc::Status::CANCELLED); });
    const bool entered = gate.EnterStream(&stream);
    closer.join();
    CHECK(stream.ended.size() == (entered ? 1u : 0u));
    if (entered) gate.LeaveStream(&stream);
    CHECK(gate.WaitUntilIdle(milliseconds(0)));
  }
}

}  // namespace
}  // namespace kubase::wire
