// What the tests of the server share: a source that the test holds, and a client that may
// misbehave.
#pragma once

#include <prometheus/registry.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "web/listener.h"
#include "web/status_server.h"

namespace kubase::web {

constexpr std::chrono::seconds kReplyTimeout{10};

// Answers with what the test sets; Block makes ReadStatus wait until Release.
class TestSource final : public StatusSource {
 public:
  ApplianceStatus ReadStatus() override;
  std::vector<Check> ReadChecks() override;

  void Set(ApplianceStatus status);
  void Throw();
  void Block();
  void Release();
  // Waits until `count` readers wait in ReadStatus; false after ten seconds.
  bool AwaitBlocked(int count);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  ApplianceStatus status_;
  bool throws_ = false;
  bool blocked_ = false;
  int waiting_ = 0;
};

// Remembers what it was asked, and answers with what the test sets.
class TestPreviews final : public PreviewSource {
 public:
  Result<Preview> ReadPreview(const PreviewQuery& query) override {
    std::lock_guard lock(mutex_);
    asked_ = query;
    return answer_;
  }

  // Any thread, as the server asks from its own.
  void set_answer(Result<Preview> answer) {
    std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  PreviewQuery asked() const {
    std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  mutable std::mutex mutex_;
  PreviewQuery asked_;
  Result<Preview> answer_ = Preview{};
};

// A TCP connection to a server under test that sends and reads exactly what it is told.
class RawClient {
 public:
  // `receive_bytes`: of the socket's buffer; 0 leaves the choice to the system. With a small one, a
  // client that does not read is noticed after some kilobytes.
  explicit RawClient(const std::string& address, int receive_bytes = 0);

  // False when the server has closed the connection.
  bool Send(const std::string& bytes);
  // One whole reply with its body; nothing when the connection ends or ten seconds pass before.
  std::optional<std::string> ReadReply();
  // Everything up to the end of the connection; nothing when it does not end within ten seconds.
  std::optional<std::string> ReadToEnd();
  // True when the server ends the connection within `limit`.
  bool EndsWithin(std::chrono::milliseconds limit);
  int fd() const { return fd_.get(); }

 private:
  bool ReadMore(MonotonicTime deadline);

  OwnedFd fd_;
  std::string received_;
  bool ended_ = false;
};

// Status code of a reply, 0 for none.
int StatusOf(const std::optional<std::string>& reply);
bool Contains(const std::string& text, std::string_view part);
std::string Get(const std::string& path);  // a whole request head

// A server on a free port, with everything that it needs.
class ServerUnderTest {
 public:
  explicit ServerUnderTest(StatusServerOptions options = {});

  TestSource source;
  TestPreviews previews;
  prometheus::Registry registry;
  SystemClock clock;
  std::vector<std::string> log_lines;  // read after Stop
  std::unique_ptr<Log> log;
  std::unique_ptr<StatusServer> server;

  // One request on a connection of its own.
  std::optional<std::string> Ask(const std::string& request);
  std::string AskFor(const std::string& path) { return Ask(Get(path)).value_or(""); }

 private:
  std::mutex log_mutex_;
};

}  // namespace kubase::web
