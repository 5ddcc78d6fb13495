// Flags, environment, errors, and completion scripts made from them.
#include "launcher/command_line.h"

#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "launcher/completion.h"
#include "launcher/test_directory.h"

namespace kubase::launcher {
namespace {

// Sets a variable for the life of one test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

template <typename Flags>
Flags Parse(const std::vector<std::string>& arguments) {
  const auto parsed = ParseCommandLine(arguments);
  INFO(parsed.text);
  REQUIRE(parsed.command.has_value());
  return std::get<Flags>(*parsed.command);
}

TEST_CASE("CommandLine: flags of up and their defaults") {
  const auto defaults = Parse<UpFlags>({"up"});
  CHECK(defaults.bind_address == "127.0.0.1");
  CHECK(defaults.secure_port == "6443");
  CHECK(defaults.skip_caching == "all");
  CHECK_FALSE(defaults.detach);
  const auto given =
      Parse<UpFlags>({"up", "--secure-port=7000", "--detach", "--data-dir", "/d",
                      "--kube-apiserver-arg", "v=2", "--kube-apiserver-arg=--x=1,2"});
  CHECK(given.secure_port == "7000");
  CHECK(given.detach);
  CHECK(given.data_dir == "/d");
  CHECK(given.apiserver_args == std::vector<std::string>{"v=2", "--x=1,2"});
}

TEST_CASE("CommandLine: the ways in which people ask for help and for the version") {
  CHECK(Parse<VersionFlags>({"--version"}).output == "text");
  const std::string help = ParseCommandLine({"up", "--help"}).text;
  CHECK(help.find("--secure-port") != std::string::npos);
  CHECK(ParseCommandLine({"help", "up"}).text == help);
  CHECK(ParseCommandLine({"help"}).text == ParseCommandLine({"--help"}).text);
}

TEST_CASE("CommandLine: of a flag that is given twice the last one counts") {
  CHECK(Parse<UpFlags>({"up", "--secure-port", "1", "--secure-port=2"}).secure_port == "2");
  CHECK(Parse<StatusFlags>({"status", "-o", "json", "-o", "table"}).output == "table");
  CHECK(Parse<UpFlags>({"up", "--detach", "--detach"}).detach);
}

TEST_CASE("CommandLine: a flag wins over its variable, which wins over the default") {
  const Variable port("KUBASE_SECURE_PORT", "7001");
  const Variable detach("KUBASE_DETACH", "true");
  const Variable list("KUBASE_KUBE_APISERVER_ARG", "v=2\nfeature-gates=A=true,B=true");
  CHECK(Parse<UpFlags>({"up"}).secure_port == "7001");
  CHECK(Parse<UpFlags>({"up"}).detach);
  CHECK(Parse<UpFlags>({"up", "--secure-port", "7002"}).secure_port == "7002");
  CHECK(Parse<UpFlags>({"up"}).apiserver_args ==
        std::vector<std::string>{"v=2", "feature-gates=A=true,B=true"});
  const Variable hosts("KUBASE_ALLOWED_HOST", "a.example\nb.example");
  CHECK(Parse<ServeFlags>({"serve"}).allowed_hosts ==
        std::vector<std::string>{"a.example", "b.example"});
  CHECK(Parse<UpFlags>({"up", "--allowed-host", "c", "--allowed-host=d"}).allowed_hosts ==
        std::vector<std::string>{"c", "d"});
}

TEST_CASE("CommandLine: every flag has a variable that its help shows") {
  CHECK(EnvironmentName("--kube-apiserver-arg") == "KUBASE_KUBE_APISERVER_ARG");
  for (const VerbDescription& verb : DescribeVerbs()) {
    if (verb.name == "kubectl") continue;  // its help is kubectl's
    const std::string help = ParseCommandLine({verb.name, "--help"}).text;
    for (const FlagDescription& flag : verb.flags) {
      if (flag.name == "--help") continue;
      INFO(verb.name << " " << flag.name);
      CHECK(help.find("(Env:" + EnvironmentName(flag.name) + ")") != std::string::npos);
    }
  }
}

TEST_CASE("CommandLine: everything after kubectl is passed on") {
  const auto plain =
      Parse<KubectlFlags>({"kubectl", "get", "-o", "yaml", "--help", "--data-dir=x"});
  CHECK(plain.arguments == std::vector<std::string>{"get", "-o", "yaml", "--help", "--data-dir=x"});
  CHECK(plain.data_dir.empty());
  const auto ours = Parse<KubectlFlags>({"kubectl", "--data-dir", "/d", "exec", "p", "--", "ls"});
  CHECK(ours.data_dir == "/d");
  CHECK(ours.arguments == std::vector<std::string>{"exec", "p", "--", "ls"});
  const auto completion =
      Parse<KubectlFlags>({"kubectl", "__complete", "--data-dir", "/d", "get", "-n", ""});
  CHECK(completion.data_dir == "/d");
  CHECK(completion.arguments == std::vector<std::string>{"__complete", "get", "-n", ""});
  CHECK(Parse<KubectlFlags>({"kubectl", "--help"}).arguments == std::vector<std::string>{"--help"});
}

TEST_CASE("CommandLine: a preview names an object, and how it is to be deleted") {
  const auto defaults = Parse<GcFlags>({"gc", "preview", "Shirt/blue"});
  CHECK(defaults.object == "Shirt/blue");
  CHECK(defaults.name_space == "default");
  CHECK(defaults.cascade == "background");
  CHECK(defaults.limit == "1000");
  CHECK(defaults.output == "text");
  const auto given = Parse<GcFlags>({"gc", "preview", "-n", "a", "nodes/n1", "--cascade=orphan",
                                     "--limit", "5", "-o", "json", "--data-dir", "/d"});
  CHECK(given.object == "nodes/n1");
  CHECK(given.name_space == "a");
  CHECK(given.cascade == "orphan");
  CHECK(given.limit == "5");
  CHECK(given.output == "json");
  CHECK(given.data_dir == "/d");
}

TEST_CASE("CommandLine: a usage error is one sentence with a way out") {
  struct Case {
    std::vector<std::string> arguments;
    std::string text;
  };
  const std::vector<Case> cases = {
      {{"up", "--foo"}, "kubase up does not know the flag --foo; see \"kubase up --help\""},
      {{"--foo"}, "kubase does not know the flag --foo; see \"kubase --help\""},
      {{"upp"}, "there is no verb \"upp\"; see \"kubase --help\""},
      {{"up", "x"}, "kubase up does not expect the argument x; see \"kubase up --help\""},
      {{"up", "--data-dir"}, "kubase up: --data-dir needs a value; see \"kubase up --help\""},
      {{"status", "-o", "xml"},
       "kubase status: --output: xml not in {table,json}; see \"kubase status --help\""},
      {{"gc"}, "kubase gc: action is required; see \"kubase gc --help\""},
      {{"gc", "preview"}, "kubase gc: object is required; see \"kubase gc --help\""},
      {{"gc", "sweep", "a/b"},
       "kubase gc: action: sweep not in {preview}; see \"kubase gc --help\""},
      {{"gc", "preview", "a/b", "--cascade", "up"},
       "kubase gc: --cascade: up not in {background,foreground,orphan}; see \"kubase gc --help\""},
      {{"completion"}, "kubase completion: shell is required; see \"kubase completion --help\""},
  };
  for (const Case& expected : cases) {
    const auto parsed = ParseCommandLine(expected.arguments);
    CHECK_FALSE(parsed.command.has_value());
    CHECK(parsed.exit_code == ExitCode::kUsage);
    CHECK(parsed.text == expected.text);
  }
}

TEST_CASE("CommandLine: no verb is a request for help") {
  const auto parsed = ParseCommandLine({});
  CHECK(parsed.exit_code == ExitCode::kSuccess);
  CHECK(parsed.text.find("Exit codes: 0 success, 1 failure, 2 usage, 3 not running.") !=
        std::string::npos);
}

// What bash would offer for the words, the last of which is being typed.
std::string CompleteInBash(const std::string& script, const std::vector<std::string>& words) {
  const TestDirectory directory;
  std::ofstream(directory / "script") << script;
  std::string array;
  for (const std::string& word : words) array += " '" + word + "'";
  const std::string command = "bash -c 'source " + (directory / "script").string() +
                              "; COMP_WORDS=(" + "\"$@\"" +
                              "); COMP_CWORD=$((${#COMP_WORDS[@]}-1));" +
                              " _kubase; echo \"${COMPREPLY[@]}\"' bash" + array;
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  std::array<char, 4096> buffer;
  while (::fgets(buffer.data(), buffer.size(), pipe) != nullptr) output += buffer.data();
  CHECK(::pclose(pipe) == 0);
  return output;
}

TEST_CASE("Completion: bash offers verbs, flags and values") {
  const auto script = RenderCompletion("bash", DescribeVerbs());
  REQUIRE(script.ok());
  CHECK(CompleteInBash(*script, {"kubase", "st"}) == "status\n");
  CHECK(CompleteInBash(*script, {"kubase", "up", "--sec"}) == "--secure-port\n");
  CHECK(CompleteInBash(*script, {"kubase", "status", "-o", ""}) == "table json\n");
  CHECK(CompleteInBash(*script, {"kubase", "completion", "f"}) == "fish\n");
  CHECK(CompleteInBash(*script, {"kubase", "gc", "p"}) == "preview\n");
  CHECK(CompleteInBash(*script, {"kubase", "gc", "preview", "--cascade", "o"}) == "orphan\n");
}

TEST_CASE("Completion: all shells get all verbs and flags") {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const auto script = RenderCompletion(shell, DescribeVerbs());
    REQUIRE(script.ok());
    for (const VerbDescription& verb : DescribeVerbs()) {
      CHECK(script->find(verb.name) != std::string::npos);
      if (verb.name == "kubectl") continue;
      for (const FlagDescription& flag : verb.flags) {
        INFO(shell << " " << flag.name);
        CHECK(script->find(flag.name.substr(2)) != std::string::npos);
      }
    }
  }
  CHECK_FALSE(RenderCompletion("tcsh", DescribeVerbs()).ok());
}

}  // namespace
}  // namespace kubase::launcher
