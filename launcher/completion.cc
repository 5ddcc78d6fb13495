// One renderer per shell.
#include "launcher/completion.h"

#include <fmt/format.h>

#include <string_view>

namespace kubase::launcher {
namespace {

constexpr std::string_view kKubectlVerb = "kubectl";

std::string Join(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : " ") + word;
  return joined;
}

// Inside single quotes of any of the three shells.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::vector<std::string> FlagNames(const VerbDescription& verb) {
  std::vector<std::string> names;
  for (const FlagDescription& flag : verb.flags) {
    names.push_back(flag.name);
    if (!flag.short_name.empty()) names.push_back(flag.short_name);
  }
  return names;
}

// bash: what a flag's value may be, as an action of compgen; empty: anything.
std::string BashValueAction(const FlagDescription& flag) {
  if (!flag.choices.empty()) return "-W " + Quoted(Join(flag.choices));
  if (flag.value_kind == "DIR") return "-d";
  if (flag.value_kind == "FILE") return "-f";
  return "";
}

std::string BashVerb(const VerbDescription& verb) {
  std::string script = fmt::format("    {})\n      case \"$prev\" in\n", verb.name);
  for (const FlagDescription& flag : verb.flags) {
    if (!flag.takes_value) continue;
    const std::string names = flag.name + (flag.short_name.empty() ? "" : "|" + flag.short_name);
    const std::string action = BashValueAction(flag);
    script += action.empty()
                  ? fmt::format("        {}) return ;;\n", names)
                  : fmt::format("        {}) COMPREPLY=($(compgen {} -- \"$cur\")); return ;;\n",
                                names, action);
  }
  std::vector<std::string> words = FlagNames(verb);
  words.insert(words.end(), verb.choices.begin(), verb.choices.end());
  return script + fmt::format("      esac\n      words={} ;;\n", Quoted(Join(words)));
}

std::string RenderBash(const std::vector<VerbDescription>& verbs) {
  std::string cases;
  std::vector<std::string> names;
  for (const VerbDescription& verb : verbs) {
    names.push_back(verb.name);
    if (verb.name != kKubectlVerb) cases += BashVerb(verb);
  }
  return fmt::format(R"sh(# bash completion for kubase
_kubase() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" words=''
  case "${{COMP_CWORD}}:${{COMP_WORDS[1]}}" in
    1:*) words={} ;;
    *:kubectl)
      words="$(kubase kubectl __complete "${{COMP_WORDS[@]:2:COMP_CWORD-1}}" 2>/dev/null |
        sed -e '/^:/d' -e 's/\t.*//')" ;;
  esac
  [[ $COMP_CWORD -gt 1 ]] && case "${{COMP_WORDS[1]}}" in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _kubase kubase
)sh",
                     Quoted(Join(names)), cases);
}

// zsh: "--flag[description]:KIND:action", with the characters that _arguments reads escaped.
std::string ZshFlag(const FlagDescription& flag) {
  std::string description;
  for (const char c : flag.description) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') description += '\\';
    description += c;
  }
  std::string spec = fmt::format("*{}[{}]", flag.name + (flag.takes_value ? "=" : ""), description);
  if (flag.takes_value) {
    spec += ":" + flag.value_kind + ":";
    if (!flag.choices.empty()) {
      spec += "(" + Join(flag.choices) + ")";
    } else if (flag.value_kind == "DIR") {
      spec += "_files -/";
    } else if (flag.value_kind == "FILE") {
      spec += "_files";
    }
  }
  return Quoted(spec);
}

std::string RenderZsh(const std::vector<VerbDescription>& verbs) {
  std::string names;
  std::string cases;
  for (const VerbDescription& verb : verbs) {
    names += "    " + Quoted(verb.name + ":" + verb.description) + "\n";
    if (verb.name == kKubectlVerb) continue;
    cases += fmt::format("    {}) _arguments", verb.name);
    for (const FlagDescription& flag : verb.flags) cases += " \\\n      " + ZshFlag(flag);
    if (!verb.choices.empty())
      cases += " \\\n      " + Quoted("1:value:(" + Join(verb.choices) + ")");
    cases += " ;;\n";
  }
  return fmt::format(R"sh(#compdef kubase
_kubase() {{
  local -a verbs=(
{}  )
  if (( CURRENT == 2 )); then _describe verb verbs; return; fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
    kubectl)
      local -a found=("${{(@f)$(kubase kubectl __complete "${{(@)words[2,$CURRENT]}}" 2>/dev/null |
        sed -e '/^:/d' -e 's/:/\\:/g' -e 's/\t/:/')}}")
      _describe value found ;;
{}  esac
}}
if [ "$funcstack[1]" = _kubase ]; then _kubase "$@"; else compdef _kubase kubase; fi
)sh",
                     names, cases);
}

std::string FishFlag(const std::string& verb, const FlagDescription& flag) {
  std::string line = fmt::format("complete -c kubase -n '__fish_seen_subcommand_from {}' -l {}",
                                 verb, flag.name.substr(2));
  if (!flag.short_name.empty()) line += " -s " + flag.short_name.substr(1);
  if (flag.takes_value) {
    const bool is_path = flag.value_kind == "DIR" || flag.value_kind == "FILE";
    line += is_path ? " -r -F" : " -x";
    if (!flag.choices.empty()) line += " -a " + Quoted(Join(flag.choices));
  }
  return line + " -d " + Quoted(flag.description) + "\n";
}

std::string RenderFish(const std::vector<VerbDescription>& verbs) {
  std::string script = "# fish completion for kubase\ncomplete -c kubase -f\n";
  for (const VerbDescription& verb : verbs) {
    script += fmt::format("complete -c kubase -n __fish_use_subcommand -a {} -d {}\n", verb.name,
                          Quoted(verb.description));
    if (verb.name == kKubectlVerb) continue;
    for (const FlagDescription& flag : verb.flags) script += FishFlag(verb.name, flag);
    if (!verb.choices.empty()) {
      script += fmt::format("complete -c kubase -n '__fish_seen_subcommand_from {}' -a {}\n",
                            verb.name, Quoted(Join(verb.choices)));
    }
  }
  return script + R"sh(complete -c kubase -n '__fish_seen_subcommand_from kubectl' -a )sh" +
         R"sh('(kubase kubectl __complete (commandline -opc)[3..] (commandline -ct) )sh" +
         R"sh(2>/dev/null | string match -v ":*")')sh" + "\n";
}

}  // namespace

Result<std::string> RenderCompletion(const std::string& shell,
                                     const std::vector<VerbDescription>& verbs) {
  if (shell == "bash") return RenderBash(verbs);
  if (shell == "zsh") return RenderZsh(verbs);
  if (shell == "fish") return RenderFish(verbs);
  return Error{ErrorCode::kInvalidArgument,
               "there is no completion for \"" + shell + "\"; give bash, zsh or fish"};
}

}  // namespace kubase::launcher
