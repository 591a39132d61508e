// SPDX-License-Identifier: GPL-2.0-only
#include "core/config/settings.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <type_traits>
#include <variant>

#include "base/text.hpp"
#include "core/config/class_words.hpp"
#include "core/config/toml_reader.hpp"

namespace vigil::config {

namespace {

const std::vector<std::string> kModes = {"auto", "schedule", "observe"};
const std::vector<std::string> kEvents = {"auto", "bpf", "proc-connector"};
const std::vector<std::string> kLevels = {"trace", "debug", "info", "warn", "error", "off"};

class SettingsParser {
 public:
  explicit SettingsParser(const SourceFile& file) : reader_(file, mistakes_) {}

  Parsed<Settings> run(const toml::table& table) {
    for (const auto& [key, node] : table) {
      if (key == "mode") {
        out_.mode = one_of(node, "mode", kModes);
      } else if (key == "events") {
        out_.events = one_of(node, "events", kEvents);
      } else if (key == "log_level") {
        out_.log_level = one_of(node, "log_level", kLevels);
      } else if (key == "socket") {
        out_.socket = absolute(node, "socket");
      } else if (key == "socket_group") {
        out_.socket_group = reader_.text(node, "socket_group");
      } else if (key == "rules" || key == "profiles") {
        for (auto& [folder, at] : reader_.texts(node, key.str())) {
          if (folder.empty() || folder.front() != '/')
            reader_.mistake(at, "'" + std::string(key.str()) + "' names folders by their whole path");
          else
            (key == "rules" ? out_.rules : out_.profiles).push_back(std::move(folder));
        }
      } else if (key == "ring_kib") {
        number(node, "ring_kib", 64, 65536, out_.ring_kib);
        if (out_.ring_kib && !std::has_single_bit(*out_.ring_kib))
          reader_.mistake(node.source(), "'ring_kib' must be a power of two");
      } else if (key == "storm_execs") {
        number(node, "storm_execs", 0, 100000, out_.storm_execs);
      } else if (key == "ananicy") {
        ananicy(node);
      } else if (key == "scheduler") {
        section(node, "scheduler", [&](const toml::key& name, const toml::node& value) { return scheduler(name, value); });
      } else if (key == "power") {
        section(node, "power", [&](const toml::key& name, const toml::node& value) { return power(name, value); });
      } else if (key == "x3d") {
        section(node, "x3d", [&](const toml::key& name, const toml::node& value) {
          if (name == "steering") {
            out_.power.steer_x3d = reader_.boolean(value, name);
            return;
          }
          reader_.unknown_key(name, {"steering"}, " in [x3d]");
        });
      } else if (key == "class") {
        section(node, "class", [&](const toml::key& name, const toml::node& value) { return klass(name, value); });
      } else if (key == "memory") {
        section(node, "memory", [&](const toml::key& name, const toml::node& value) { memory(name, value); });
      } else {
        reader_.unknown_key(key, {"mode", "events", "log_level", "socket", "socket_group", "rules", "profiles", "ring_kib", "storm_execs", "ananicy", "scheduler", "class", "memory", "power", "x3d"});
      }
    }
    sort_by_place(mistakes_);
    if (!mistakes_.empty()) return tl::unexpected(std::move(mistakes_));
    return std::move(out_);
  }

 private:
  template <typename Read>
  void section(const toml::node& node, std::string_view name, Read read) {
    const auto* table = node.as_table();
    if (!table) return reader_.wrong_type(node, name, "a table: [" + std::string(name) + "]");
    for (const auto& [key, value] : *table) read(key, value);
  }

  std::optional<std::string> one_of(const toml::node& node, std::string_view key, const std::vector<std::string>& known) {
    auto value = reader_.text(node, key);
    if (!value || std::find(known.begin(), known.end(), *value) != known.end()) return value;
    std::string all;
    for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
    reader_.mistake(node.source(), "'" + std::string(key) + "' cannot be '" + printable(*value) + "' (" + all + ")" +
                                       TomlReader::suggestion(*value, known));
    return std::nullopt;
  }

  std::optional<std::string> absolute(const toml::node& node, std::string_view key) {
    auto value = reader_.text(node, key);
    if (!value || value->starts_with('/')) return value;
    reader_.mistake(node.source(), "'" + std::string(key) + "' must be a whole path");
    return std::nullopt;
  }

  void number(const toml::node& node, std::string_view key, std::int64_t low, std::int64_t high,
              std::optional<std::uint32_t>& into) {
    if (const auto value = reader_.number(node, key, low, high)) into = static_cast<std::uint32_t>(*value);
  }

  void ananicy(const toml::node& node) {
    if (const auto* on = node.as_boolean()) {
      if (!on->get()) out_.ananicy.emplace();
      return;
    }
    if (node.as_string())
      out_.ananicy = absolute(node, "ananicy");
    else
      reader_.wrong_type(node, "ananicy", "true, false or the whole path of a folder");
  }

  void scheduler(const toml::key& key, const toml::node& node) {
    auto& to = out_.scheduler;
    if (key == "lease_us") return number(node, key, 1000, 1000000, to.lease_us);
    if (key == "wait_bound_us") return number(node, key, 10000, 1000000, to.wait_bound_us);
    if (key == "short_burst_us") return number(node, key, 10, 100000, to.short_burst_us);
    if (key == "guard_us") return number(node, key, 0, 100000, to.guard_us);
    if (key == "balance_us") return number(node, key, 0, 1000000, to.balance_us);
    if (key == "return_after_s") return number(node, key, 1, 86400, to.return_after_s);
    if (key == "steer") {
      to.steer = reader_.boolean(node, key);
      return;
    }
    reader_.unknown_key(key, {"lease_us", "wait_bound_us", "short_burst_us", "guard_us", "balance_us", "steer", "return_after_s"},
                        " in [scheduler]");
  }

  // Names, units and defaults: core/memory/settings.hpp.
  void memory(const toml::key& key, const toml::node& node) {
    auto& to = out_.memory;
    struct Number {
      std::string_view name;
      double low, high;
      std::variant<std::uint32_t*, std::int32_t*, double*> into;
    };
    const Number numbers[] = {
        {"sample_ms", 5, 1000, &to.sample_ms},
        {"aggregation_ms", 100, 60000, &to.aggregation_ms},
        {"regions_max", 20, 1000, &to.regions_max},
        {"watched_max", 1, 8, &to.watched_max},
        {"resident_min_mib", 0, 1 << 20, &to.resident_min_mib},
        {"cost_max", 0.0001, 1, &to.cost_max},
        {"locality_boost", 0, 100, &to.locality_boost},
        {"locality_margin", 0, 50, &to.locality_margin},
        {"kworker_promotion", 0, 100, &to.kworker_promotion},
        {"migrations_ruinous", 1, 100000, &to.migrations_ruinous},
        {"bandwidth_high_mib_s", 1, 1e7, &to.bandwidth_high_mib_s},
        {"hit_rate_high", 0, 1, &to.hit_rate_high},
        {"latency_low_ns", 1, 100000, &to.latency_low_ns},
        {"metrics_valid_ms", 100, 600000, &to.metrics_valid_ms},
        {"near_points", 0, 1000, &to.near_points},
        {"bandwidth_points", 0, 1000, &to.bandwidth_points},
        {"hit_rate_points", 0, 1000, &to.hit_rate_points},
        {"latency_points", 0, 1000, &to.latency_points},
        {"idle_points", 0, 1000, &to.idle_points},
        {"domain_margin", 0, 1000, &to.domain_margin},
        {"boost_lead", 0, 100, &to.boost_lead},
        {"bandwidth_lead", 0, 100, &to.bandwidth_lead},
        {"promotion_lead", 0, 100, &to.promotion_lead},
        {"pressure_lead", -100, 0, &to.pressure_lead},
        {"lead_us_per_point", 0, 10000, &to.lead_us_per_point},
        {"pressure_stall_ms", 1, 2000, &to.pressure_stall_ms},
        {"pressure_hold_ms", 1000, 600000, &to.pressure_hold_ms},
    };
    std::vector<std::string> known = {"damon", "damon_stat"};
    for (const auto& number : numbers) {
      known.emplace_back(number.name);
      if (key != number.name) continue;
      return std::visit([&](auto* into) { amount(node, number.name, number.low, number.high, *into); }, number.into);
    }
    if (key == "damon") {
      to.damon = reader_.boolean(node, key).value_or(to.damon);
    } else if (key == "damon_stat") {
      if (const auto value = one_of(node, "damon_stat", {"keep", "yield"}))
        to.damon_stat = *value == "yield" ? memory::DamonStat::yield : memory::DamonStat::keep;
    } else {
      reader_.unknown_key(key, known, " in [memory]");
    }
  }

  template <typename T>
  void amount(const toml::node& node, std::string_view name, double low, double high, T& into) {
    if constexpr (std::is_integral_v<T>) {
      if (const auto value = reader_.number(node, name, static_cast<std::int64_t>(low), static_cast<std::int64_t>(high))) into = static_cast<T>(*value);
    } else {
      const auto value = node.value<double>();
      if (value && *value >= low && *value <= high)
        into = *value;
      else
        reader_.wrong_type(node, name, "a number from " + plain(low) + " to " + plain(high));
    }
  }

  static std::string plain(double value) {
    std::array<char, 32> text;
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 7).ptr};
  }

  void power(const toml::key& key, const toml::node& node) {
    if (key == "follow") {
      out_.power.follow = reader_.boolean(node, key);
      return;
    }
    if (key == "epp") {
      out_.power.epp = reader_.boolean(node, key);
      return;
    }
    reader_.unknown_key(key, {"follow", "epp"}, " in [power]");
  }

  void klass(const toml::key& name, const toml::node& node) {
    const auto klass = parse_workload_class(name.str());
    if (!klass) return reader_.mistake(name.source(), "unknown class '" + printable(name.str()) + "'" + class_choices(name.str()));
    auto& to = out_.classes[static_cast<std::size_t>(*klass)];
    section(node, name.str(), [&](const toml::key& key, const toml::node& value) {
      if (key == "share") return share(value, to.share);
      if (key == "request_us") return number(value, key, 100, 100000, to.request_us);
      if (key == "credit_us") return number(value, key, 0, 100000, to.credit_us);
      if (key == "urgency") return number(value, key, 0, 3, to.urgency);
      reader_.unknown_key(key, {"share", "request_us", "credit_us", "urgency"}, " of a class");
    });
  }

  void share(const toml::node& node, std::optional<double>& into) {
    const auto value = node.value<double>();
    if (value && *value >= 0.05 && *value <= 20)
      into = value;
    else
      reader_.wrong_type(node, "share", "a number from 0.05 to 20");
  }

  Mistakes mistakes_;
  TomlReader reader_;
  Settings out_;
};

}  // namespace

Parsed<Settings> parse_settings(const SourceFile& file) {
  const auto table = parse_toml(file);
  if (!table) return tl::unexpected(Mistakes{table.error()});
  return SettingsParser(file).run(*table);
}

}  // namespace vigil::config
