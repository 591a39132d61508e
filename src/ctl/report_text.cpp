// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/report_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "ctl/pmu_text.hpp"

namespace vigil::ctl {

namespace {

using nlohmann::json;

constexpr std::size_t kLabel = 14;

// "  label         text", further lines under the text.
void item(std::string& out, const Paint& paint, std::string_view label, std::string_view text) {
  out += "  " + paint.dim(fit(label, kLabel)) + std::string(text) + '\n';
}

std::string people_count(std::uint64_t number, std::string_view one, std::string_view many) {
  return count(number) + ' ' + std::string(number == 1 ? one : many);
}

std::string tuning_text(const json& tuning) {
  const auto mode = text_at(tuning, "mode"), in_force = text_at(tuning, "in_force");
  if (mode.empty()) return {};
  auto text = mode == in_force || in_force.empty() ? mode : mode + ", which now means " + in_force;
  const auto& changes = at(tuning, "changes");
  if (!changes.is_array() || changes.empty()) return text;
  text += ':';
  for (const auto& change : changes) {
    const auto& from = at(change, "from");
    const auto& to = at(change, "to");
    if (!from.is_number() || !to.is_number()) continue;
    std::array<char, 64> numbers;
    std::snprintf(numbers.data(), numbers.size(), " %g (%g)", to.get<double>(), from.get<double>());
    text += ' ' + text_at(change, "name") + numbers.data() + (&change == &changes.back() ? "" : ",");
  }
  return text;
}

std::string power_text(const json& power) {
  if (!power.is_object()) return {};
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (const auto source = text_at(power, "source"); !source.empty()) add(source == "ac" ? "on mains" : "on " + source);
  if (const auto profile = text_at(power, "power_profile"); !profile.empty()) add("power profile " + profile);
  if (const auto profile = text_at(power, "platform_profile"); !profile.empty()) add("platform profile " + profile);
  if (const auto mode = text_at(power, "x3d_mode"); !mode.empty()) add("X3D mode " + mode);
  return text;
}

std::string events_text(const json& status) {
  const auto& events = at(status, "events");
  std::string text;
  std::uint64_t seen = 0, reported = 0;
  if (events.is_object()) {
    for (const auto& [name, counts] : events.items()) {
      seen += number_at(counts, "seen");
      reported += number_at(counts, "reported");
    }
  }
  text = count(seen) + " seen in the kernel, " + count(reported) + " worth telling the daemon";
  return text;
}

std::string losses_text(const json& status, const Paint& paint) {
  const auto lost = number_at(status, "lost");
  if (lost == 0) return paint.good("none");
  const auto resyncs = number_at(status, "resyncs");
  return paint.warn(people_count(lost, "event", "events")) +
         (resyncs > 0 ? ", made good by reading all processes anew " +
                            (resyncs == 1 ? std::string("once") : count(resyncs) + " times")
                      : std::string(", not made good yet"));
}

std::string profile_text(const json& profile) {
  std::string text = text_at(profile, "name");
  if (const auto processes = number_at(profile, "processes"); processes > 0)
    text += " for " + people_count(processes, "process", "processes");
  if (const auto mode = text_at(profile, "mode"); !mode.empty()) text += ", mode " + mode;
  if (const auto why = text_at(profile, "why"); !why.empty()) text += ": " + why;
  return text;
}

// Nothing where none runs: most machines never have one.
void games_item(std::string& out, const Paint& paint, const json& status) {
  const auto& games = at(status, "games");
  if (!games.is_array()) return;
  bool first = true;
  for (const auto& game : games) {
    const auto title = text_at(game, "title");
    std::string text = (title.empty() ? "a game whose name is unknown" : title) + " (pid " + std::to_string(number_at(game, "pid"));
    if (const auto appid = number_at(game, "steam_appid"); appid != 0) text += ", Steam app " + std::to_string(appid);
    item(out, paint, first ? "games" : "", text + ")");
    first = false;
  }
}

void profiles_item(std::string& out, const Paint& paint, const json& status) {
  const auto& profiles = at(status, "profiles");
  if (profiles.is_array() && !profiles.empty()) {
    bool first = true;
    for (const auto& profile : profiles) {
      item(out, paint, first ? "profiles" : "", profile_text(profile));
      first = false;
    }
  } else {
    const auto& profile = at(status, "profile");
    item(out, paint, "profile", profile.is_object() ? profile_text(profile) : "none");
  }
  if (const auto chosen = text_at(status, "profile_for_games"); !chosen.empty())
    item(out, paint, "for games", chosen + ", until `vigilctl profile auto`");
}

std::string ejection_text(const json& ejection, std::uint64_t now_ns) {
  const auto t_ns = number_at(ejection, "t_ns");
  std::string text = text_at(ejection, "reason");
  if (text.empty()) text = "no reason was given";
  if (t_ns > 0 && t_ns <= now_ns) text = duration(now_ns - t_ns) + " ago: " + text;
  if (const auto message = text_at(ejection, "message"); !message.empty()) text += " (" + message + ")";
  return text;
}

std::string decided_text(const json& explained) {
  const auto source = text_at(explained, "source");
  const auto event = text_at(explained, "event");
  std::string who = source == "user" ? "by a person" : source == "daemon" ? "by the daemon" : "in the kernel";
  if (source == "user")
    return who + ", until it exits or `vigilctl class " + std::to_string(number_at(explained, "pid")) +
           " auto`";
  if (!event.empty() && event != "none") who += ", at " + event;
  const auto& after = at(explained, "decided_after_ns");
  if (after.is_number_unsigned()) {
    if (after.get<std::uint64_t>() == 0)
      who += event == "exec" ? ", before its first instruction" : ", in the event itself";
    else
      who += ", in force " + duration(after.get<std::uint64_t>()) + " after it";
  }
  if (const auto took = number_at(explained, "hook_ns"); took != 0) who += " (took " + duration(took) + ")";
  return who;
}

std::string level_text(std::string_view level) {
  if (level == "user") return "a person said so";
  if (level == "thread") return "the thread's name";
  if (level == "image") return "what was executed";
  if (level == "cgroup") return "the cgroup it lives in";
  if (level == "ancestry") return "what it descends from";
  return std::string(level);
}

// "locality 97 of 100, working set 18.2 MiB (16.0 MiB hot), 230.1 MiB cold"; what was not measured is said to be unknown.
std::string memory_text(const json& memory) {
  const auto mib = [&](const char* name) {
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), "%.1f MiB", static_cast<double>(number_at(memory, name)) / (1 << 20));
    return std::string(text.data());
  };
  const auto& locality = at(memory, "locality_score");
  std::string text = "locality " + (locality.is_number() ? std::to_string(std::lround(locality.get<double>())) + " of 100" : std::string("unknown"));
  if (unknown_at(memory, "working_set_bytes")) {
    text += ", working set unknown";
    if (const auto why = text_at(memory, "why_not_watched"); !why.empty()) text += " (" + why + ")";
    return text;
  }
  text += ", working set " + mib("working_set_bytes") + " (" + mib("hot_bytes") + " hot), " + mib("cold_bytes") + " cold";
  if (const auto& cost = at(memory, "watch_cost"); cost.is_number()) {
    std::array<char, 64> figure;
    std::snprintf(figure.data(), figure.size(), "; watching it costs %.2f %% of a core", cost.get<double>() * 100);
    text += figure.data();
  }
  return text;
}

// "games:steam-library says gaming, but games:proton-env has a higher priority".
std::string considered_text(const json& one) {
  const auto klass = text_at(one, "class");
  std::string text = text_at(one, "rule");
  text += at(one, "held") == true ? (klass.empty() ? " holds" : " says " + klass) : " would say " + (klass.empty() ? "something" : klass);
  const auto why = text_at(one, "why");
  return why.empty() ? text : text + ", but " + why;
}

std::string container_text(const json& container) {
  auto id = text_at(container, "id");
  // As the engines' own tools show it.
  constexpr std::size_t kShort = 12;
  if (id.size() == 64) id.resize(kShort);
  std::string text = text_at(container, "runtime");
  if (!id.empty()) text += ' ' + id;
  if (const auto pod = text_at(container, "pod"); !pod.empty()) text += ", pod " + pod;
  return text;
}

std::string process_name(const json& event) {
  return text_at(event, "comm") + " (" + std::to_string(number_at(event, "pid")) + ")";
}

// What follows the time and the name of the event.
std::string event_details(const std::string& kind, const json& event, const Paint& paint) {
  const auto klass = text_at(event, "class");
  if (kind == "exec" || kind == "fork" || kind == "exit" || kind == "rename" || kind == "cgroup_attach") {
    std::string text = process_name(event);
    if (const auto exe = text_at(event, "exe"); kind == "exec" && !exe.empty()) text += "  " + exe;
    if (const auto parent = number_at(event, "ppid"); kind == "fork" && parent != 0)
      text += "  child of " + std::to_string(parent);
    if (!klass.empty() && klass != "regular") text += "  " + paint.of_class(klass, klass);
    return text;
  }
  if (kind == "cgroup_mkdir" || kind == "cgroup_rmdir")
    return text_at(event, "path") + (klass.empty() ? "" : "  " + paint.of_class(klass, klass));
  if (kind == "device")
    return text_at(event, "subsystem") + ' ' + text_at(event, "name") + ": " + text_at(event, "action");
  if (kind == "scheduler") {
    const auto reason = text_at(event, "reason");
    return text_at(event, "state") + (reason.empty() ? "" : ": " + reason);
  }
  if (kind == "mode") {
    const auto by = text_at(event, "by");
    return tuning_text(event) + (by.empty() ? "" : ": " + by);
  }
  if (kind == "topology") return text_at(event, "what");
  if (kind == "lost") {
    const auto number = number_at(event, "count");
    if (text_at(event, "where") == "client")
      return paint.warn(people_count(number, "line", "lines") +
                        " could not be shown: this program reads too slowly");
    return paint.warn(people_count(number, "event", "events") + " lost") +
           (at(event, "resynced") == true ? ", all processes were read anew" : "");
  }
  // A kind this program does not know: what there is.
  json rest = event;
  if (!rest.is_object()) return clean(rest.dump(-1, ' ', false, json::error_handler_t::replace));
  rest.erase("event");
  rest.erase("t_ns");
  return rest.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string labels_text(const wire::Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) text += (text.empty() ? "" : ", ") + name + ' ' + value;
  return clean(text);
}

std::string in_unit(double value, const std::string& unit) {
  if (unit == "seconds" && value >= 0) return duration(static_cast<std::uint64_t>(std::llround(value * 1e9)));
  std::string text;
  if (value >= 0 && value == std::floor(value) && value < 9.0e15) {
    text = count(static_cast<std::uint64_t>(value));
  } else {
    std::array<char, 32> buffer{};
    const int length = std::snprintf(buffer.data(), buffer.size(), "%.4g", value);
    text.assign(buffer.data(), static_cast<std::size_t>(length));
  }
  return unit.empty() ? text : text + ' ' + unit;
}

std::uint64_t total(const wire::Sample& sample) {
  std::uint64_t sum = 0;
  for (const auto each : sample.counts) sum += each;
  return sum;
}

}  // namespace

std::string headline(const json& status, const Paint& paint) {
  std::string text = paint.bold("Vigil " + text_at(status, "version"));
  const auto ops = text_at(status, "ops");
  if (text_at(status, "mode") == "schedule")
    text += paint.good(" schedules") + (ops.empty() ? "" : " as " + ops);
  else
    text += paint.warn(" observes") + ": it classifies, the kernel's own scheduler schedules";
  if (at(status, "simulated") == true) text += paint.bad("  [simulated]");
  return text + '\n';
}

std::string classes_text(const json& status, const Paint& paint) {
  const auto& classes = at(status, "classes");
  if (!classes.is_object() || classes.empty()) return {};
  std::vector<std::pair<std::string, json>> rows;
  for (const auto& [name, counts] : classes.items())
    if (number_at(counts, "processes") > 0 || number_at(counts, "tasks") > 0) rows.emplace_back(name, counts);
  if (rows.empty()) return {};
  std::ranges::stable_sort(rows, [](const auto& a, const auto& b) {
    return number_at(a.second, "processes") > number_at(b.second, "processes");
  });
  Table table({Table::Align::left, Table::Align::right, Table::Align::right});
  table.row({"class", "processes", "tasks"});
  for (const auto& [name, counts] : rows)
    table.row({clean(name), count(number_at(counts, "processes")),
               unknown_at(counts, "tasks") ? "?" : count(number_at(counts, "tasks"))});
  return table.format("  ", [&](std::size_t row, std::size_t column, const std::string& cell) {
    if (row == 0) return paint.dim(cell);
    return column == 0 ? paint.of_class(rows[row - 1].first, cell) : cell;
  });
}

std::string status_text(const json& status, const Paint& paint) {
  const auto now_ns = number_at(status, "now_ns");
  std::string out = headline(status, paint);
  if (const auto why = text_at(status, "why_not_more"); !why.empty()) item(out, paint, "why not more", why);
  if (const auto back = number_at(status, "returns_at_ns"); back > now_ns && now_ns > 0)
    item(out, paint, "comes back", "in " + duration(back - now_ns));
  item(out, paint, "up",
       duration(number_at(status, "uptime_ns")) + ", pid " + std::to_string(number_at(status, "pid")) +
           ", was ready after " + duration(number_at(status, "ready_after_ns")));
  if (const auto tuning = tuning_text(at(status, "tuning")); !tuning.empty()) item(out, paint, "mode", tuning);
  games_item(out, paint, status);
  profiles_item(out, paint, status);
  if (const auto power = power_text(at(status, "power")); !power.empty()) item(out, paint, "power", power);
  if (const auto& held = at(at(status, "power"), "held"); held.is_array())
    for (const auto& each : held)
      item(out, paint, "", text_at(each, "path") + " is " + text_at(each, "is") + ", was " + text_at(each, "was"));
  if (const auto& gpus = at(at(status, "power"), "gpus"); gpus.is_array())
    for (const auto& gpu : gpus) {
      const auto since = number_at(gpu, "since_ns");
      item(out, paint, "", "GPU " + text_at(gpu, "address") + " is " + text_at(gpu, "state") +
                               (since > 0 && since <= now_ns ? " since " + duration(now_ns - since) : ""));
    }
  const auto& rules = at(status, "rules");
  item(
      out, paint, "rules",
      count(number_at(rules, "count")) + " from " + people_count(at(rules, "files").size(), "file", "files"));
  item(out, paint, "events", events_text(status));
  item(out, paint, "lost", losses_text(status, paint));
  if (const auto& ejections = at(status, "ejections"); ejections.is_array() && !ejections.empty()) {
    bool first = true;
    for (const auto& ejection : ejections) {
      item(out, paint, first ? "ejected" : "", paint.bad(ejection_text(ejection, now_ns)));
      first = false;
    }
  } else {
    item(out, paint, "ejected", paint.good("never"));
  }
  if (const auto classes = classes_text(status, paint); !classes.empty()) out += '\n' + classes;
  if (const auto counters = memory_counters_text(status, paint); !counters.empty()) out += '\n' + counters;
  if (const auto& degraded = at(status, "degraded"); degraded.is_array() && !degraded.empty()) {
    out += '\n' + paint.warn("Not everything is available:") + '\n';
    for (const auto& sentence : degraded)
      if (sentence.is_string()) out += "  - " + clean(sentence.get<std::string>()) + '\n';
  }
  return out;
}

std::string explain_text(const json& explained, const Paint& paint) {
  const auto klass = text_at(explained, "class"), kind = text_at(explained, "kind");
  std::string out = paint.bold(process_name(explained)) + " is " + paint.of_class(klass, klass) +
                    (kind.empty() ? "" : " (" + kind + ")") +
                    (at(explained, "simulated") == true ? paint.bad("  [simulated memory counters]") : "") + '\n';
  const auto rule = text_at(explained, "rule");
  const bool by_person = text_at(explained, "source") == "user";
  if (const auto title = text_at(explained, "title"); !title.empty()) item(out, paint, "known as", title);
  if (by_person && rule.starts_with("profile:"))
    item(out, paint, "because", "a person chose " + rule);
  else if (by_person)
    item(out, paint, "because", "a person said so");
  else if (rule.empty())
    item(out, paint, "because", klass == "regular" ? "no rule says anything else" : "no rule is named");
  else
    item(out, paint, "rule", rule);
  if (const auto& evidence = at(explained, "evidence"); evidence.is_array() && !by_person) {
    bool first = true;
    for (const auto& each : evidence) {
      if (!each.is_string()) continue;
      item(out, paint, first ? "evidence" : "", clean(each.get<std::string>()));
      first = false;
    }
  }
  if (const auto level = text_at(explained, "level"); !level.empty() && !by_person)
    item(out, paint, "rests on", level_text(level));
  if (!rule.empty() || text_at(explained, "source") == "user")
    item(out, paint, "decided", decided_text(explained));
  if (const auto parent = number_at(explained, "inherited_from"); parent != 0)
    item(out, paint, "inherited", "from process " + std::to_string(parent));
  if (const auto appid = number_at(explained, "steam_appid"); appid != 0)
    item(out, paint, "Steam app", std::to_string(appid));
  if (const auto why = text_at(explained, "profile_why"), profile = text_at(explained, "profile"); !profile.empty() || !why.empty())
    item(out, paint, "profile", why.empty() ? profile : why);
  if (const auto& container = at(explained, "container"); container.is_object())
    item(out, paint, "lives in", container_text(container));
  if (const auto cgroup = text_at(explained, "cgroup"); !cgroup.empty()) item(out, paint, "cgroup", cgroup);
  const auto tgid = number_at(explained, "tgid");
  if (tgid != 0 && tgid != number_at(explained, "pid")) item(out, paint, "thread of", std::to_string(tgid));
  if (!unknown_at(explained, "tasks")) item(out, paint, "tasks", count(number_at(explained, "tasks")));
  if (const auto cpus = text_at(explained, "cpu_preference"); !cpus.empty())
    item(out, paint, "runs best on", "CPUs " + cpus);
  if (const auto& memory = at(explained, "memory"); memory.is_object()) {
    item(out, paint, "memory", memory_text(memory));
    if (const auto why = text_at(memory, "near_why"); !why.empty()) item(out, paint, "placed by it", why);
  }
  if (const auto truncated = number_at(explained, "truncated"); truncated != 0)
    item(out, paint, "note",
         people_count(truncated, "string", "strings") +
             " of its arguments and environment were not looked at: there were too many");
  if (const auto& considered = at(explained, "considered"); considered.is_array()) {
    bool first = true;
    for (const auto& one : considered) {
      item(out, paint, first ? "considered" : "", considered_text(one));
      first = false;
    }
  }
  return out;
}

std::string after_text(const json& decided_after_ns) {
  if (!decided_after_ns.is_number_unsigned()) return "";
  const auto ns = decided_after_ns.get<std::uint64_t>();
  return ns == 0 ? "at once" : "after " + duration(ns);
}

std::string event_text(const json& event, const Paint& paint, const std::string& when) {
  const auto kind = text_at(event, "event");
  const auto klass = text_at(event, "class");
  std::string out = paint.dim(when.empty() ? time_of_day(number_at(event, "t_ns")) : when) + "  ";
  if (kind == "verdict") {
    const auto rule = text_at(event, "rule");
    out += paint.of_class(klass, fit(klass, 11)) + "  " + fit(process_name(event), 26) + "  " +
           (rule.empty() ? "no rule" : rule);
    if (const auto title = text_at(event, "title"); !title.empty()) out += "  " + paint.bold(title);
    const auto source = text_at(event, "source");
    const auto after = after_text(at(event, "decided_after_ns"));
    std::string how = source == "user" ? "by a person" : source == "daemon" ? "by the daemon" : "";
    if (!after.empty()) how += (how.empty() ? "" : ", ") + after;
    if (!how.empty()) out += "  " + paint.dim(how);
  } else {
    out += paint.dim(fit(kind, 13)) + event_details(kind, event, paint);
  }
  return out + '\n';
}

std::string quantile_text(const wire::Metric& metric, const wire::Sample& sample, double share) {
  const auto all = total(sample);
  if (all == 0) return "";
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < metric.bounds.size() && i < sample.counts.size(); ++i) {
    below += sample.counts[i];
    if (below >= wanted) return in_unit(metric.bounds[i], metric.unit);
  }
  return metric.bounds.empty() ? "" : ">" + in_unit(metric.bounds.back(), metric.unit);
}

std::string stats_text(const wire::Metrics& metrics, const Paint& paint) {
  std::string out;
  for (const auto& metric : metrics.list()) {
    if (metric.samples.empty()) continue;
    if (!out.empty()) out += '\n';
    out += paint.bold(clean(metric.name)) + "  " + paint.dim(clean(metric.help)) + '\n';
    const bool histogram = metric.type == wire::MetricType::histogram;
    Table table(histogram ? std::vector{Table::Align::left, Table::Align::right, Table::Align::right,
                                        Table::Align::right, Table::Align::right}
                          : std::vector{Table::Align::left, Table::Align::right});
    if (histogram) table.row({"", "count", "p50 ≤", "p99 ≤", "p99.9 ≤"});
    for (const auto& sample : metric.samples) {
      const auto labels = sample.labels.empty() ? std::string("all") : labels_text(sample.labels);
      if (histogram)
        table.row({labels, count(total(sample)), quantile_text(metric, sample, 0.5),
                   quantile_text(metric, sample, 0.99), quantile_text(metric, sample, 0.999)});
      else
        table.row({labels, sample.value ? in_unit(*sample.value, metric.unit) : "unknown"});
    }
    out += table.format("  ", [&](std::size_t row, std::size_t, const std::string& cell) {
      return histogram && row == 0 ? paint.dim(cell) : cell;
    });
  }
  return out.empty() ? "There are no figures yet.\n" : out;
}

}  // namespace vigil::ctl
