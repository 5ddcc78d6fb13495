// One pass over the lines; what the cases of a file share is kept beside it.
#include "tests/selectors/corpus.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace kubase::select {
namespace {

constexpr std::string_view kAnswer = " =>";

std::vector<std::string_view> SplitAt(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t end = 0; end != std::string_view::npos && !text.empty();) {
    end = text.find(separator);
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

// What is in the braces after `keyword`.
NamedValues ValuesAfter(std::string_view line, std::string_view keyword) {
  const size_t begin = line.find(std::string(keyword) + "{");
  if (begin == std::string_view::npos) return {};
  line.remove_prefix(begin + keyword.size() + 1);
  return ReadValues(line.substr(0, line.find('}')));
}

Attributes ReadObject(std::string_view line) {
  Attributes object;
  object.readable = true;
  std::string_view name = line.substr(0, line.find(' '));
  if (const size_t slash = name.find('/'); slash != std::string_view::npos) {
    object.object_namespace = name.substr(0, slash);
    name.remove_prefix(slash + 1);
  }
  object.name = name;
  object.labels = ValuesAfter(line, " labels");
  object.fields = ValuesAfter(line, " fields");
  return object;
}

void ReadAnswer(std::string_view answer, SelectorCase& into) {
  std::istringstream names{std::string(answer)};
  for (std::string name; names >> name;) into.matches.push_back(name);
  into.refused = into.matches == std::vector<std::string>{"refused"};
  if (into.refused) into.matches.clear();
}

class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  std::vector<SelectorCase> Read() {
    std::ifstream file(path_);
    if (!file) throw std::runtime_error("cannot read " + path_);
    for (std::string line; std::getline(file, line);) {
      ++line_number_;
      if (!line.empty() && line[0] != '#') ReadLine(line);
    }
    return std::move(cases_);
  }

 private:
  void ReadLine(std::string_view line) {
    const std::string_view word = line.substr(0, line.find(' '));
    if (word == "case") {
      description_ = line.substr(word.size() + 1);
    } else if (word == "objects") {
      objects_.clear();
      in_objects_ = true;
      return;
    } else if (word == "labels" || word == "fields") {
      ReadQuestion(word, line.substr(word.size()));
    } else if (in_objects_) {
      objects_.push_back(ReadObject(line));
      return;
    } else {
      throw std::runtime_error(Place() + ": what is this?");
    }
    in_objects_ = false;
  }

  void ReadQuestion(std::string_view word, std::string_view rest) {
    const size_t end = rest.rfind(kAnswer);
    if (end == std::string_view::npos) throw std::runtime_error(Place() + ": no answer");
    SelectorCase question;
    question.description = description_;
    question.place = Place();
    question.objects = objects_;
    const std::string text = Unquoted(end == 0 ? "" : rest.substr(1, end - 1));
    (word == "labels" ? question.labels : question.fields) = text;
    ReadAnswer(rest.substr(end + kAnswer.size()), question);
    cases_.push_back(std::move(question));
  }

  std::string Place() const { return path_ + ":" + std::to_string(line_number_); }

  const std::string path_;
  int line_number_ = 0;
  bool in_objects_ = false;
  std::string description_;
  std::vector<Attributes> objects_;
  std::vector<SelectorCase> cases_;
};

}  // namespace

std::string Unquoted(std::string_view text) {
  std::string bytes;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%') {
      bytes += static_cast<char>(std::stoi(std::string(text.substr(at + 1, 2)), nullptr, 16));
      at += 2;
    } else {
      bytes += text[at];
    }
  }
  return bytes;
}

NamedValues ReadValues(std::string_view text) {
  NamedValues values;
  for (const std::string_view pair : SplitAt(text, ',')) {
    const size_t equals = pair.find('=');
    values.emplace_back(Unquoted(pair.substr(0, equals)), Unquoted(pair.substr(equals + 1)));
  }
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<SelectorCase> ReadCases(const std::string& path) {
  return Reader(path).Read();
}

}  // namespace kubase::select
