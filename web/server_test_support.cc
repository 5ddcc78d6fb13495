// Helpers of the server's tests.
#include "web/server_test_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <stdexcept>

namespace kubase::web {
namespace {

constexpr std::chrono::seconds kPatience{10};

// The length of the first whole reply in `text`, or 0.
size_t ReplyLength(const std::string& text) {
  const size_t head_end = text.find("\r\n\r\n");
  if (head_end == std::string::npos) return 0;
  const size_t at = text.find("Content-Length: ");
  if (at == std::string::npos || at > head_end) return 0;
  const size_t length = head_end + 4 + std::stoul(text.substr(at + 16));
  return text.size() >= length ? length : 0;
}

}  // namespace

ApplianceStatus TestSource::ReadStatus() {
  std::unique_lock lock(mutex_);
  if (throws_) throw std::runtime_error("the source is broken");
  ++waiting_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return !blocked_; });
  --waiting_;
  return status_;
}

std::vector<Check> TestSource::ReadChecks() {
  std::lock_guard lock(mutex_);
  return status_.checks;
}

void TestSource::Set(ApplianceStatus status) {
  std::lock_guard lock(mutex_);
  status_ = std::move(status);
}

void TestSource::Throw() {
  std::lock_guard lock(mutex_);
  throws_ = true;
}

void TestSource::Block() {
  std::lock_guard lock(mutex_);
  blocked_ = true;
}

void TestSource::Release() {
  std::lock_guard lock(mutex_);
  blocked_ = false;
  changed_.notify_all();
}

bool TestSource::AwaitBlocked(int count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return waiting_ >= count; });
}

RawClient::RawClient(const std::string& address, int receive_bytes)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_bytes > 0) {
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
}

bool RawClient::Send(const std::string& bytes) {
  return send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

bool RawClient::ReadMore(MonotonicTime deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd polled{fd_.get(), POLLIN, 0};
  if (left.count() <= 0 || poll(&polled, 1, static_cast<int>(left.count())) <= 0) return false;
  char buffer[65536];
  const ssize_t count = recv(fd_.get(), buffer, sizeof buffer, 0);
  if (count > 0) received_.append(buffer, static_cast<size_t>(count));
  ended_ = count <= 0;
  return count > 0;
}

std::optional<std::string> RawClient::ReadReply() {
  const MonotonicTime deadline = std::chrono::steady_clock::now() + kPatience;
  size_t length = 0;
  while ((length = ReplyLength(received_)) == 0) {
    if (!ReadMore(deadline)) return std::nullopt;
  }
  std::string reply = received_.substr(0, length);
  received_.erase(0, length);
  return reply;
}

std::optional<std::string> RawClient::ReadToEnd() {
  if (!EndsWithin(kPatience)) return std::nullopt;
  return received_;
}

bool RawClient::EndsWithin(std::chrono::milliseconds limit) {
  const MonotonicTime deadline = std::chrono::steady_clock::now() + limit;
  while (!ended_ && ReadMore(deadline)) {
  }
  return ended_;
}

int StatusOf(const std::optional<std::string>& reply) {
  return reply && reply->size() > 12 ? std::stoi(reply->substr(9, 3)) : 0;
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string Get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

ServerUnderTest::ServerUnderTest(StatusServerOptions options) {
  log = LogTo([this](LogLevel, const std::string& line) {
    std::lock_guard lock(log_mutex_);
    log_lines.push_back(line);
  });
  auto started = StatusServer::Start(options, {source, &previews}, registry, *log, clock);
  if (!started.ok()) FAIL(started.error().message);
  server = std::move(started).value();
}

std::optional<std::string> ServerUnderTest::Ask(const std::string& request) {
  RawClient client(server->address());
  client.Send(request);
  return client.ReadReply();
}

}  // namespace kubase::web
