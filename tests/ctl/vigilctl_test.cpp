// SPDX-License-Identifier: GPL-2.0-only
//
// The program as a user runs it, against a daemon with canned answers.
#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/clock.hpp"
#include "fake_daemon.hpp"
#include "wire/metrics.hpp"
#include "wire/reports.hpp"

using namespace vigil;
using namespace vigil::test;
using edge::ControlServer;
using edge::Reply;
using nlohmann::json;
using Words = std::vector<std::string>;

namespace {

wire::StatusReport a_status() {
  wire::StatusReport report;
  report.version = "9.8.7";
  report.pid = 4711;
  report.mode = "observe";
  report.requested_mode = "auto";
  report.why_not_more = "This kernel has no sched_ext.";
  report.started_ns = 1;
  report.now_ns = 7'384'000'000'001;
  report.ready_after_ns = 12'000'000;
  report.tuning_in_force = wire::Mode::gaming;
  report.classes = {{WorkloadClass::regular, 210, 400}, {WorkloadClass::gaming, 2, 41}};
  report.events = {{"exec", 1200, 30, 5}, {"fork", 99000, 0, 0}};
  report.resyncs = 1;
  report.ejections = {
      {7'000'000'000'001, "vigil_x", "A task waited for more than 5 s.", "runnable task stall"}};
  report.profiles = {{"cyberpunk", "SteamAppId is 1091500", 3, {}}};
  report.rules = 212;
  report.rule_files = {"games.toml", "audio.toml"};
  report.degraded = {"No CXL PMU: bandwidth is unknown."};
  return report;
}

wire::ExplainReport an_explanation() {
  wire::ExplainReport report;
  report.pid = 4242;
  report.tgid = 4242;
  report.comm = "game.exe";
  report.klass = WorkloadClass::gaming;
  report.kind = "proton";
  report.rule = "games:proton-env";
  report.evidence = {"env STEAM_COMPAT_DATA_PATH", "argv ends with Game.exe"};
  report.level = "image";
  report.event = "exec";
  report.decided_after_ns = 0;
  report.hook_ns = 2100;
  report.title = "Cyberpunk 2077";
  report.profile = "cyberpunk";
  report.container = wire::ExplainReport::Container{"docker", std::string(64, 'a'), ""};
  report.considered = {{"containers:docker", WorkloadClass::container, "cgroup", true, "the image level comes before the cgroup level"},
                       {"games:wine-prefix", WorkloadClass::gaming, "image", false, "wants env WINEPREFIX"}};
  report.steam_appid = 1091500;
  report.tasks = 38;
  report.cpu_preference = "0-7,16-23";
  return report;
}

Reply canned(const wire::Request& request) {
  if (std::holds_alternative<wire::StatusCall>(request)) return Reply::ok(to_json(a_status()));
  if (const auto* call = std::get_if<wire::ExplainCall>(&request)) {
    if (call->pid == 4242) return Reply::ok(to_json(an_explanation()));
    return Reply::error(wire::ErrorCode::not_found, "There is no process 7.");
  }
  if (const auto* call = std::get_if<wire::ClassCall>(&request))
    return Reply::ok(
        {{"pid", call->pid}, {"class", call->klass ? to_string(*call->klass) : "batch"}, {"tasks", 3}});
  if (const auto* call = std::get_if<wire::ModeCall>(&request))
    return Reply::ok({{"mode", call->mode ? to_string(*call->mode) : "auto"}, {"in_force", "gaming"}});
  if (std::holds_alternative<wire::StatsCall>(request)) {
    wire::Metrics metrics;
    metrics.counter("events_seen", "Events that passed.").add(1200, {{"event", "exec"}});
    metrics.histogram("wakeup_latency_seconds", "Runnable until running.", {0.0001, 0.001})
        .add_histogram({98, 1, 1}, 0.01, {{"class", "gaming"}});
    metrics.gauge("memory_locality", "Share of near accesses.").add(std::nullopt);
    return Reply::ok(to_json(metrics));
  }
  if (const auto* call = std::get_if<wire::WatchCall>(&request))
    return Reply::stream(call->all ? edge::Stream::all : edge::Stream::verdicts, {{"watching", "it"}});
  if (std::holds_alternative<wire::RecordCall>(request))
    return Reply::stream(edge::Stream::record, {{"recording", 1}, {"header", {{"vigil_recording", 1}}}});
  if (const auto* call = std::get_if<wire::ProfileCall>(&request)) {
    if (call->action == wire::ProfileCall::Action::list)
      return Reply::ok({{"profiles", {{{"name", "doom"}, {"title", "Doom"}, {"file", "/etc/doom.toml"}, {"active", true}}}}});
    if (call->action == wire::ProfileCall::Action::show)
      return Reply::ok(
          {{"name", call->name}, {"file", "/etc/doom.toml"}, {"settings", {{"class", "gaming"}}}});
    return Reply::ok({{"active", call->name.empty() ? json() : json(call->name)}, {"why", "you said so"}});
  }
  return Reply::error(wire::ErrorCode::unknown_call, "no");
}

struct World : FakeDaemon {
  World() { answer = canned; }
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

auto lines(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

json one_object(const std::string& out) {
  CHECK(lines(out) == 1);
  const json object = json::parse(out, nullptr, false);
  CHECK(object.is_object());
  return object;
}

std::string content(const std::string& file) {
  std::ifstream in(file);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

std::string verdict(const char* comm) {
  return to_json(wire::VerdictLine{.t_ns = monotonic_now(),
                                   .pid = 77,
                                   .tgid = 77,
                                   .comm = comm,
                                   .klass = WorkloadClass::gaming,
                                   .kind = "",
                                   .rule = "games:proton-env",
                                   .decided_after_ns = 2100})
      .dump();
}

}  // namespace

TEST_CASE("vigilctl status: what an admin wants to know, in words") {
  World world;
  const auto ran = world.run({"status"});
  CHECK(ran.status == 0);
  CHECK(ran.err.empty());
  for (const auto* part :
       {"Vigil 9.8.7 observes", "This kernel has no sched_ext.", "2 h 3 min, pid 4711, was ready after 12 ms",
        "auto, which now means gaming", "cyberpunk for 3 processes: SteamAppId is 1091500", "212 from 2 files",
        "100,200 seen in the kernel, 30 worth telling",
        "5 events, made good by reading all processes anew once",
        "6 min 24 s ago: A task waited for more than 5 s. (runnable task stall)", "gaming           2     41",
        "- No CXL PMU: bandwidth is unknown."})
    CHECK_MESSAGE(has(ran.out, part), part, "\n", ran.out);
  CHECK_MESSAGE(!has(ran.out, "\x1b"), "no colour when stdout is no terminal");
}

TEST_CASE("vigilctl status --json: the daemon's object, options before or after the command") {
  World world;
  const auto after = world.run({"status", "--json"});
  const auto before = world.run({"--json", "status"});
  CHECK(after.status == 0);
  CHECK(after.out == before.out);
  const auto object = one_object(after.out);
  CHECK(object["mode"] == "observe");
  CHECK(object["classes"]["gaming"]["tasks"] == 41);
  CHECK(object["ops"].is_null());
}

TEST_CASE("vigilctl explain: rule, evidence, and how it was decided") {
  World world;
  const auto ran = world.run({"explain", "4242"});
  CHECK(ran.status == 0);
  for (const auto* part :
       {"game.exe (4242) is gaming (proton)", "games:proton-env", "env STEAM_COMPAT_DATA_PATH",
        "argv ends with Game.exe", "in the kernel, at exec, before its first instruction (took 2.1 µs)", "1091500",
        "CPUs 0-7,16-23", "Cyberpunk 2077", "profile       cyberpunk", "docker aaaaaaaaaaaa\n",
        "containers:docker says container, but the image level comes before the cgroup level",
        "games:wine-prefix would say gaming, but wants env WINEPREFIX"})
    CHECK_MESSAGE(has(ran.out, part), part, "\n", ran.out);
  const auto object = one_object(world.run({"explain", "4242", "--json"}).out);
  CHECK(object["steam_appid"] == 1091500);
  CHECK(object["inherited_from"].is_null());
  CHECK(object["decided_after_ns"] == 0);
  CHECK(object["hook_ns"] == 2100);
  CHECK(object["container"]["id"] == std::string(64, 'a'));
  CHECK(object["considered"][1]["held"] == false);
  CHECK(object["considered"][0]["class"] == "container");
}

TEST_CASE("vigilctl: what the daemon refuses is said, and exit status 1") {
  World world;
  const auto ran = world.run({"explain", "7"});
  CHECK(ran.status == 1);
  CHECK(ran.err == "vigilctl: There is no process 7.\n");
  CHECK(ran.out.empty());
  const auto as_json = world.run({"explain", "7", "--json"});
  CHECK(as_json.status == 1);
  CHECK(one_object(as_json.out)["error"]["code"] == "not_found");
}

TEST_CASE("vigilctl: a wrong command line is exit status 2 with a hint, and asks the daemon nothing") {
  World world;
  const std::vector<Words> wrong = {{},
                                    {"fly"},
                                    {"explain"},
                                    {"explain", "x"},
                                    {"explain", "0"},
                                    {"explain", "-1"},
                                    {"class"},
                                    {"class", "1"},
                                    {"class", "1", "xx"},
                                    {"mode", "xx"},
                                    {"profile"},
                                    {"profile", "use"},
                                    {"status", "extra"},
                                    {"watch", "--every"},
                                    {"record"}};
  for (const auto& words : wrong) {
    const auto ran = world.run(words);
    CHECK_MESSAGE(ran.status == 2, (words.empty() ? "(nothing)" : words[0]));
    CHECK_FALSE(ran.err.empty());
  }
  CHECK(world.asked.empty());
  CHECK(has(world.run({"class", "1", "gmaing"}).err, "did you mean 'gaming'?"));
}

TEST_CASE("vigilctl: no daemon is exit status 3 and one sentence on how to start it") {
  for (const auto& words : std::vector<Words>{{"status"},
                                              {"top"},
                                              {"watch"},
                                              {"explain", "1"},
                                              {"class", "1", "vm"},
                                              {"stats"},
                                              {"mode"},
                                              {"profile", "list"},
                                              {"record", "-"}}) {
    Words all{"--socket", "/nonexistent/control.sock"};
    all.insert(all.end(), words.begin(), words.end());
    const auto ran = run_vigilctl(all);
    CHECK(ran.status == 3);
    CHECK(has(ran.err, "No daemon is running"));
    CHECK(has(ran.err, "systemctl start vigil"));
    CHECK(lines(ran.err) == 1);
  }
}

TEST_CASE("vigilctl: a socket that a dead daemon left is no daemon either") {
  const TempDir dir;
  FakeDaemon daemon;
  const auto left = dir / "left.sock";
  std::filesystem::create_hard_link(daemon.socket(), left);
  daemon.stop();
  CHECK(run_vigilctl({"status", "--socket", left}).status == 3);
}

TEST_CASE("vigilctl class, mode, profile: ask for exactly what was typed") {
  World world;
  CHECK(has(world.run({"class", "4242", "gaming"}).out, "4242 is now gaming (3 tasks), until it exits"));
  CHECK(has(world.run({"class", "4242", "auto"}).out, "4242 is now batch (3 tasks), by the rules."));
  CHECK(world.run({"mode"}).out == "auto, which now means gaming\n");
  CHECK(world.run({"mode", "gaming"}).out == "gaming\n");
  CHECK(has(world.run({"profile", "list"}).out, "*  doom  Doom  /etc/doom.toml"));
  CHECK(has(world.run({"profile", "show", "doom"}).out, "gaming"));
  CHECK(world.run({"profile", "use", "doom"}).out == "Profile doom: you said so.\n");
  CHECK(world.run({"profile", "use", "doom", "42"}).out == "Profile doom: you said so.\n");
  CHECK(world.run({"profile", "auto"}).out == "No profile is active: you said so.\n");
  CHECK(world.asked == Words{
                           "{\"call\":\"class\",\"class\":\"gaming\",\"pid\":4242}\n",
                           "{\"call\":\"class\",\"class\":\"auto\",\"pid\":4242}\n",
                           "{\"call\":\"mode\"}\n",
                           "{\"call\":\"mode\",\"mode\":\"gaming\"}\n",
                           "{\"action\":\"list\",\"call\":\"profile\"}\n",
                           "{\"action\":\"show\",\"call\":\"profile\",\"name\":\"doom\"}\n",
                           "{\"action\":\"use\",\"call\":\"profile\",\"name\":\"doom\"}\n",
                           "{\"action\":\"use\",\"call\":\"profile\",\"name\":\"doom\",\"pid\":42}\n",
                           "{\"action\":\"auto\",\"call\":\"profile\"}\n",
                       });
}

TEST_CASE("vigilctl stats: for people, as JSON and as OpenMetrics; unknown stays unknown") {
  World world;
  const auto text = world.run({"stats"});
  CHECK(text.status == 0);
  CHECK_MESSAGE(has(text.out, "event exec  1,200"), text.out);
  CHECK_MESSAGE(has(text.out, "class gaming    100  100 µs   1 ms    >1 ms"), text.out);
  CHECK(has(text.out, "unknown"));
  CHECK(one_object(world.run({"stats", "--json"}).out)["metrics"].size() == 3);
  const auto metrics = world.run({"stats", "--openmetrics"});
  CHECK(has(metrics.out, "vigil_events_seen_total{event=\"exec\"} 1200\n"));
  CHECK(metrics.out.ends_with("# EOF\n"));
  CHECK_FALSE(has(metrics.out, "\nvigil_memory_locality "));
}

TEST_CASE("vigilctl watch: a line per verdict as it falls, until Ctrl-C, which is success") {
  World world;
  int published = 0;
  const auto ran = world.run({"watch"}, [&](const std::string& out) {
    if (world.server().wanted(ControlServer::Kind::verdict) && published++ == 0) {
      world.server().publish(ControlServer::Kind::verdict, verdict("game.exe"));
      world.server().publish(ControlServer::Kind::verdict, verdict("bad\x1b[2Jname"));
    }
    return lines(out) == 2;
  });
  CHECK(ran.status == 0);
  CHECK_MESSAGE(has(ran.out, "gaming       game.exe (77)"), ran.out);
  CHECK_MESSAGE(has(ran.out, "games:proton-env  after 2.1 µs"), ran.out);
  CHECK_MESSAGE(!has(ran.out, "\x1b"), "what a process calls itself does not reach the terminal");
}

TEST_CASE("vigilctl watch --all --json: every line as it came") {
  World world;
  int published = 0;
  const std::string exec = R"({"event":"exec","t_ns":5,"pid":9,"comm":"sh"})";
  const auto ran = world.run({"watch", "--all", "--json"}, [&](const std::string& out) {
    if (world.server().wanted(ControlServer::Kind::event) && published++ == 0)
      world.server().publish(ControlServer::Kind::event, exec);
    return !out.empty();
  });
  CHECK(ran.status == 0);
  CHECK(ran.out == exec + "\n");
  CHECK(world.asked == Words{"{\"all\":true,\"call\":\"watch\"}\n"});
}

TEST_CASE("vigilctl watch: when the daemon goes, it says so and fails") {
  World world;
  bool gone = false;
  const auto ran = world.run({"watch"}, [&](const std::string&) {
    if (!gone && world.server().wanted(ControlServer::Kind::verdict)) {
      gone = true;
      world.stop();
    }
    return false;
  });
  CHECK(ran.status == 1);
  CHECK(has(ran.err, "stopped or restarted"));
}

TEST_CASE("vigilctl record: the stream goes to the file whole, headed by its version") {
  World world;
  int turns = 0;
  const auto file = world.folder() + "/events.rec";
  const auto ran = world.run({"record", file}, [&](const std::string&) {
    if (!world.server().wanted(ControlServer::Kind::recorded)) return false;
    if (turns++ == 0)
      for (int i = 0; i < 1000; ++i)
        world.server().publish(ControlServer::Kind::recorded, "{\"n\":" + std::to_string(i) + "}");
    // The file is complete only when the program ends; until then it has had time to read.
    return turns > 500;
  });
  CHECK(ran.status == 0);
  CHECK_MESSAGE(has(ran.out, "1,000 events recorded in"), ran.out);
  const auto text = content(file);
  CHECK(text.starts_with("{\"vigil_recording\":1}\n{\"n\":0}\n{\"n\":1}\n"));
  CHECK(text.ends_with("{\"n\":999}\n"));
}

TEST_CASE("vigilctl record: lines the daemon had to drop make the recording a failure that says so") {
  World world;
  int turns = 0;
  const auto ran = world.run({"record", world.folder() + "/events.rec"}, [&](const std::string&) {
    if (!world.server().wanted(ControlServer::Kind::recorded)) return false;
    if (turns++ == 0)
      world.server().publish(ControlServer::Kind::recorded,
                             R"({"event":"lost","count":12,"resynced":false,"where":"client"})");
    return turns > 300;
  });
  CHECK(ran.status == 1);
  CHECK(has(ran.err, "12 events are missing"));
}

TEST_CASE("vigilctl top: where stdout is no terminal, one snapshot") {
  World world;
  const auto ran = world.run({"top"});
  CHECK(ran.status == 0);
  CHECK(has(ran.out, "Vigil 9.8.7 observes"));
  CHECK_MESSAGE(has(ran.out, "gaming        100 µs   1 ms"), ran.out);
  const auto object = one_object(world.run({"top", "--json"}).out);
  CHECK(object["status"]["pid"] == 4711);
  CHECK(object["stats"]["metrics"].is_array());
}

TEST_CASE("vigilctl doctor: works without a daemon, and adds what the daemon misses") {
  const auto alone = run_vigilctl({"doctor", "--json", "--socket", "/nonexistent/s"});
  CHECK(alone.status == 0);
  const auto without = one_object(alone.out);
  CHECK(without["findings"].is_array());
  CHECK(without["daemon"].is_null());
  World world;
  CHECK(has(world.run({"doctor"}).out, "The daemon says: No CXL PMU: bandwidth is unknown."));
  CHECK(one_object(world.run({"doctor", "--json"}).out)["daemon"]["degraded"].size() == 1);
}

TEST_CASE("vigilctl bundle: one private file that holds no environment, and never overwrites") {
  World world;
  setenv("VIGIL_TEST_SECRET", "hunter2-in-the-environment", 1);
  const auto file = world.folder() + "/report.txt";
  const auto ran = world.run({"bundle", file, "--json"});
  CHECK(ran.status == 0);
  CHECK(one_object(ran.out)["file"] == file);
  struct stat st {};
  REQUIRE(stat(file.c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);
  const auto text = content(file);
  for (const auto* part :
       {"=== kernel ===", "=== status ===", "=== stats ===", "=== doctor ===", "=== topology ===",
        "\"why_not_more\": \"This kernel has no sched_ext.\"", "\"cores\":"})
    CHECK_MESSAGE(has(text, part), part);
  CHECK_FALSE(has(text, "hunter2"));
  unsetenv("VIGIL_TEST_SECRET");
  const auto again = world.run({"bundle", file});
  CHECK(again.status == 1);
  CHECK(has(again.err, "File exists"));
}

TEST_CASE("vigilctl rules: check and test need no daemon, and take values that begin with dashes") {
  const auto check = run_vigilctl({"rules", "check"});
  CHECK(check.status == 0);
  CHECK(has(check.out, "no mistakes"));
  const auto test =
      run_vigilctl({"rules", "test", "--exe", "/opt/g/game.exe", "--arg", "--fullscreen", "--arg", "-x",
                    "--env", "STEAM_COMPAT_DATA_PATH=/c", "--env", "SteamAppId=1091500", "--json"});
  CHECK(test.status == 0);
  CHECK(one_object(test.out)["class"] == "gaming");
  CHECK(run_vigilctl({"rules", "test"}).status == 2);
  CHECK(run_vigilctl({"rules"}).status == 2);
  const TempDir dir;
  std::ofstream(dir / "bad.toml") << "[[rule]]\nclas = \"gaming\"\n";
  const auto bad = run_vigilctl({"rules", "check", dir.path()});
  CHECK(bad.status == 1);
  CHECK_MESSAGE(has(bad.err, "bad.toml:2:1"), bad.err);
}

TEST_CASE("vigilctl replay: a file that is no recording is refused with its line") {
  const TempDir dir;
  std::ofstream(dir / "x.rec") << "hello\n";
  const auto ran = run_vigilctl({"replay", dir / "x.rec"});
  CHECK(ran.status == 1);
  CHECK_MESSAGE(has(ran.err, "line 1"), ran.err);
  CHECK(run_vigilctl({"replay", dir / "missing.rec"}).status == 1);
}

TEST_CASE("vigilctl --version and --help need no daemon") {
  CHECK(run_vigilctl({"--version"}).out == "vigilctl " VIGIL_VERSION "\n");
  const auto help = run_vigilctl({"--help"});
  CHECK(help.status == 0);
  for (const auto* command : {"status", "top", "watch", "explain", "class", "topology", "devices", "profile",
                              "mode", "stats", "record", "doctor", "bundle"})
    CHECK_MESSAGE(has(help.out, command), command);
}
