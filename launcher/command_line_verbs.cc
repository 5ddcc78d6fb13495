// Every verb and option, with its help.
#include "launcher/command_line_verbs.h"

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace kubase::launcher {
namespace {

constexpr const char* kRepeatableHelp = " Repeatable; in the variable one per line.";

CLI::Option* AddText(CLI::App& verb, const std::string& names, std::string& value,
                     const std::string& description, const std::string& kind) {
  // An empty default is "none" and says nothing; the description tells what happens then.
  // Given twice, the last one counts, as in all Kubernetes tools.
  auto* option = verb.add_option(names, value, description)->type_name(kind)->take_last();
  if (!value.empty()) option->default_str(value);
  return option;
}

CLI::Option* AddRepeatable(CLI::App& verb, const std::string& name,
                           std::vector<std::string>& values, const std::string& description) {
  return verb.add_option(name, values, description + kRepeatableHelp)
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->delimiter('\n');
}

void AddDataDir(CLI::App& verb, std::string& data_dir) {
  AddText(verb, "--data-dir", data_dir,
          "Where the cluster lives. Default: /var/lib/kubase for root, else "
          "$XDG_DATA_HOME/kubase or ~/.local/share/kubase.",
          "DIR");
}

void AddLogFlags(CLI::App& verb, LogFlags& log) {
  AddText(verb, "--log-format", log.format, "Format of log lines.", "FORMAT")
      ->check(CLI::IsMember({"text", "json", "plain"}));
  verb.add_flag("-v,--verbose", log.verbose,
                "Log details; on a terminal, show the log instead of keeping it in the data "
                "directory.");
}

void AddAllowedHosts(CLI::App& verb, std::vector<std::string>& hosts) {
  AddRepeatable(verb, kAllowedHostFlag, hosts,
                "Another name by which clients reach the status page, metrics and health, beside "
                "localhost and the name of this machine.")
      ->type_name("NAME");
}

void AddControlPlaneDir(CLI::App& verb, std::string& directory) {
  AddText(verb, "--control-plane-dir", directory,
          "Use kube-apiserver, kube-controller-manager, kube-scheduler and kubectl of this "
          "directory instead of the built-in ones.",
          "DIR");
}

void AddQuota(CLI::App& verb, std::string& bytes) {
  AddText(verb, "--quota-backend-bytes", bytes,
          "Size of the database above which writes are refused and the alarm NOSPACE is raised; 0 "
          "for what SQLite can hold.",
          "BYTES");
}

void AddUpNetwork(CLI::App& verb, UpFlags& flags) {
  AddText(verb, "--bind-address", flags.bind_address, "Address of the Kubernetes API.", "ADDRESS");
  AddText(verb, "--secure-port", flags.secure_port, "Port of the Kubernetes API.", "PORT");
  AddText(verb, "--status-bind-address", flags.status_bind_address,
          "Address of the status page and metrics, 0 for none. Default: 127.0.0.1:6480, or a free "
          "port when that one is taken.",
          "HOST:PORT");
  AddAllowedHosts(verb, flags.allowed_hosts);
}

void AddUpComponents(CLI::App& verb, UpFlags& flags) {
  verb.add_flag("--scheduler", flags.scheduler, "Run kube-scheduler too, for clusters with nodes.");
  AddRepeatable(verb, "--kube-apiserver-arg", flags.apiserver_args, "A flag for kube-apiserver.");
  AddRepeatable(verb, "--kube-controller-manager-arg", flags.controller_manager_args,
                "A flag for kube-controller-manager.");
  AddRepeatable(verb, "--kube-scheduler-arg", flags.scheduler_args, "A flag for kube-scheduler.");
  AddControlPlaneDir(verb, flags.control_plane_dir);
  AddText(verb, "--skip-metadata-caching", flags.skip_caching,
          "Custom resources whose garbage is collected in the storage instead of in the memory of "
          "kube-controller-manager: none, all or RESOURCE.GROUP,…",
          "WHICH");
}

void AddUp(CLI::App& app, UpFlags& flags) {
  CLI::App& verb = *app.add_subcommand("up", "Start a cluster and keep it running.");
  AddDataDir(verb, flags.data_dir);
  AddText(verb, "--endpoint", flags.endpoint,
          "Where the data is: sqlite://PATH, postgres://…, mysql://… or a plain path. Default: "
          "SQLite in the "
          "data directory.",
          "ENDPOINT");
  AddQuota(verb, flags.quota_backend_bytes);
  AddUpNetwork(verb, flags);
  AddUpComponents(verb, flags);
  AddText(verb, "--kubeconfig", flags.kubeconfig,
          "The kubeconfig to merge a context into, or none. Default: where kubectl looks.", "FILE");
  verb.add_flag("--switch-context", flags.switch_context,
                "Make it the current context even when there is another one.");
  verb.add_flag("--detach", flags.detach, "Return when the cluster is ready; it runs on.");
  AddLogFlags(verb, flags.log);
}

void AddDown(CLI::App& app, DownFlags& flags) {
  CLI::App& verb = *app.add_subcommand("down", "Stop the cluster; its data stays.");
  AddDataDir(verb, flags.data_dir);
  AddText(verb, "--timeout", flags.timeout, "How long to wait for an orderly end.", "DURATION");
}

void AddStatus(CLI::App& app, StatusFlags& flags) {
  CLI::App& verb =
      *app.add_subcommand("status", "Tell how the cluster is; fails unless it is ready.");
  AddDataDir(verb, flags.data_dir);
  AddText(verb, "-o,--output", flags.output, "Format.", "FORMAT")
      ->check(CLI::IsMember({"table", "json"}));
}

void AddKubectl(CLI::App& app, KubectlFlags& flags) {
  CLI::App& verb = *app.add_subcommand(
      "kubectl",
      "Run kubectl against the cluster, or against the one of $KUBECONFIG when that is set.");
  verb.set_help_flag();
  verb.prefix_command();
  AddDataDir(verb, flags.data_dir);
  AddControlPlaneDir(verb, flags.control_plane_dir);
}

void AddKubeconfig(CLI::App& app, KubeconfigFlags& flags) {
  CLI::App& verb = *app.add_subcommand("kubeconfig", "Print a kubeconfig; it holds a secret key.");
  AddDataDir(verb, flags.data_dir);
  AddText(verb, "--user", flags.user,
          "Issue a certificate for this user. Default: the administrator's own.", "NAME");
  AddRepeatable(verb, "--group", flags.groups, "A group of the user.")->type_name("NAME");
  AddText(verb, "--valid-for", flags.valid_for, "Life of the user's certificate.", "DURATION");
  AddText(verb, "--server", flags.server, "URL of the Kubernetes API for the kubeconfig.", "URL");
}

void AddServe(CLI::App& app, ServeFlags& flags) {
  CLI::App& verb =
      *app.add_subcommand("serve", "Serve the etcd API alone, under your own control plane.");
  AddText(verb, "--endpoint", flags.endpoint,
          "Where the data is: sqlite://PATH, postgres://…, mysql://… or a plain path. Default: "
          "db/kubase.db.",
          "ENDPOINT");
  AddText(verb, "--listen-address", flags.listen_address,
          "Where clients connect: HOST:PORT or unix://PATH.", "ADDRESS");
  AddText(verb, "--advertise-address", flags.advertise_address,
          "Where other kubases on the same database reach this one. Default: the listen address.",
          "HOST:PORT");
  AddText(verb, "--metrics-bind-address", flags.metrics_bind_address,
          "Address of metrics, health and the status page; 0 for none.", "HOST:PORT");
  AddAllowedHosts(verb, flags.allowed_hosts);
  AddText(verb, "--ca-file", flags.ca_file, "CA of the database server.", "FILE");
  AddText(verb, "--cert-file", flags.cert_file, "Certificate for the database server.", "FILE");
  AddText(verb, "--key-file", flags.key_file, "Key for the database server.", "FILE");
  AddText(verb, "--server-cert-file", flags.server_cert_file, "Certificate shown to clients.",
          "FILE");
  AddText(verb, "--server-key-file", flags.server_key_file, "Key of that certificate.", "FILE");
  AddText(verb, "--client-ca-file", flags.client_ca_file,
          "CA that must have signed the certificates of clients. Default: clients need none.",
          "FILE");
  AddText(verb, "--watch-progress-notify-interval", flags.progress_interval,
          "How often watchers that ask for it are told how far they are.", "DURATION");
  AddText(verb, "--slow-sql-threshold", flags.slow_sql_threshold,
          "Log statements that take longer; 0 for none.", "DURATION");
  AddQuota(verb, flags.quota_backend_bytes);
  verb.add_flag("--no-garbage-collection", flags.no_garbage_collection,
                "Leave objects with the label skip-controller-manager-metadata-caching to "
                "kube-controller-manager too; for a kube-apiserver that encrypts objects.");
  AddText(verb, "--emulated-etcd-version", flags.emulated_etcd_version,
          "The version that clients are told.", "VERSION");
  AddLogFlags(verb, flags.log);
}

void AddReset(CLI::App& app, ResetFlags& flags) {
  CLI::App& verb =
      *app.add_subcommand("reset", "Remove the cluster with all its data. It must be stopped.");
  AddDataDir(verb, flags.data_dir);
  verb.add_flag("-y,--yes", flags.yes, "Do not ask.");
}

void AddRestore(CLI::App& app, RestoreFlags& flags) {
  CLI::App& verb = *app.add_subcommand(
      "restore", "Bring a snapshot of \"etcdctl snapshot save\" into a new, empty database.");
  verb.add_option("file", flags.file, "The snapshot.")->type_name("FILE")->required();
  AddDataDir(verb, flags.data_dir);
  AddText(verb, "--endpoint", flags.endpoint, "The database. Default: that of the data directory.",
          "ENDPOINT");
  AddText(verb, "--bump-revision", flags.bump_revision,
          "Add this to the revision, where clients have seen later ones than the snapshot has.",
          "NUMBER");
}

void AddFsck(CLI::App& app, FsckFlags& flags) {
  CLI::App& verb = *app.add_subcommand(
      "fsck",
      "Check a database whose server is stopped: its file, and the index of labels and "
      "fields.");
  AddDataDir(verb, flags.data_dir);
  AddText(verb, "--endpoint", flags.endpoint, "The database. Default: that of the data directory.",
          "ENDPOINT");
  verb.add_flag("--repair", flags.repair, "Make the index anew where it differs.");
}

void AddGc(CLI::App& app, GcFlags& flags) {
  CLI::App& verb = *app.add_subcommand(
      "gc", "Tell what a deletion would do to other objects: kubase gc preview KIND/NAME");
  verb.add_option("action", flags.action, "What to do; nothing is changed.")
      ->type_name("ACTION")
      ->required()
      ->check(CLI::IsMember({"preview"}));
  verb.add_option(
          "object", flags.object,
          "The object to be deleted: a kind or a resource, with .GROUP where the name means "
          "several, and a name.")
      ->type_name("KIND/NAME")
      ->required();
  AddText(verb, "-n,--namespace", flags.name_space, "Namespace of the object.", "NAMESPACE");
  AddText(verb, "--cascade", flags.cascade, "How it is to be deleted, as in kubectl delete.",
          "CASCADE")
      ->check(CLI::IsMember({"background", "foreground", "orphan"}));
  AddText(verb, "--limit", flags.limit, "How many objects to list; all are counted.", "NUMBER");
  AddText(verb, "-o,--output", flags.output, "Format.", "FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
  AddDataDir(verb, flags.data_dir);
}

void AddVersion(CLI::App& app, VersionFlags& flags) {
  CLI::App& verb = *app.add_subcommand("version", "Print versions.");
  AddText(verb, "-o,--output", flags.output, "Format.", "FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
}

void AddCompletion(CLI::App& app, CompletionFlags& flags) {
  CLI::App& verb = *app.add_subcommand(
      "completion", "Print a completion script: source <(kubase completion bash)");
  verb.add_option("shell", flags.shell, "Which shell.")
      ->type_name("SHELL")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

}  // namespace

void AddVerbs(CLI::App& app, AllFlags& flags) {
  AddUp(app, flags.up);
  AddDown(app, flags.down);
  AddStatus(app, flags.status);
  AddKubectl(app, flags.kubectl);
  AddKubeconfig(app, flags.kubeconfig);
  AddServe(app, flags.serve);
  AddReset(app, flags.reset);
  AddRestore(app, flags.restore);
  AddFsck(app, flags.fsck);
  AddGc(app, flags.gc);
  AddVersion(app, flags.version);
  AddCompletion(app, flags.completion);
}

}  // namespace kubase::launcher
