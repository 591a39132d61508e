// SPDX-License-Identifier: GPL-2.0-only
//
// Event sources as their drivers describe them in sysfs, added to a machine.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "core/topology/memory_tree.hpp"

namespace vigil::test {

inline void add_pmu(topology::MemoryTree& tree, const std::string& name, const std::string& type, const std::string& cpumask,
                    std::initializer_list<std::pair<const char*, const char*>> format,
                    std::initializer_list<std::pair<const char*, const char*>> events) {
  const std::string folder = "sys/bus/event_source/devices/" + name + "/";
  tree.add_file(folder + "type", type + "\n");
  if (!cpumask.empty()) tree.add_file(folder + "cpumask", cpumask + "\n");
  for (const auto& [field, text] : format) tree.add_file(folder + "format/" + field, std::string(text) + "\n");
  for (const auto& [event, text] : events) tree.add_file(folder + "events/" + event, std::string(text) + "\n");
}

// drivers/perf/cxl_pmu.c of a device with a cache of its own and the queue events of CXL 4.0.
inline void add_cxl_pmu(topology::MemoryTree& tree, const std::string& name, const std::string& type = "24", const std::string& cpumask = "0") {
  add_pmu(tree, name, type, cpumask,
          {{"mask", "config:0-31"}, {"gid", "config:32-47"}, {"vid", "config:48-63"}, {"threshold", "config1:0-15"}, {"invert", "config1:16"},
           {"edge", "config1:17"}},
          {{"clock_ticks", "config=0x1e98000000000001"},
           {"s2m_drs_memdata", "config=0x1e98002500000001"},
           {"m2s_rwd_memwr", "config=0x1e98002100000002"},
           {"m2s_rwd_memwrptl", "config=0x1e98002100000004"},
           {"ddr_casrd", "config=0x1e98800000000004"},
           {"ddr_caswr", "config=0x1e98800000000008"},
           {"h2d_req_snpdata", "config=0x1e98001200000002"},
           {"h2d_req_snpinv", "config=0x1e98001200000004"},
           {"h2d_req_snpcur", "config=0x1e98001200000008"},
           {"d2h_rsp_rspihiti", "config=0x1e98001100000010"},
           {"d2h_rsp_rspihitse", "config=0x1e98001100000020"},
           {"d2h_rsp_rspshitse", "config=0x1e98001100000002"},
           {"rd_queue_occ", "config=0x1e98800100000001"},
           {"wr_queue_occ", "config=0x1e98800100000002"}});
}

// The uncore driver's memory controller of a Xeon.
inline void add_imc(topology::MemoryTree& tree, const std::string& name, const std::string& type, const std::string& cpumask) {
  add_pmu(tree, name, type, cpumask,
          {{"event", "config:0-7"}, {"umask", "config:8-15"}, {"edge", "config:18"}, {"inv", "config:23"}, {"thresh", "config:24-31"}},
          {{"cas_count_read", "event=0x04,umask=0x03"},
           {"cas_count_read.scale", "6.103515625e-5"},
           {"cas_count_read.unit", "MiB"},
           {"cas_count_write", "event=0x04,umask=0x0c"},
           {"cas_count_write.scale", "6.103515625e-5"},
           {"cas_count_write.unit", "MiB"},
           {"clockticks", "event=0x00,umask=0x00"}});
}

}  // namespace vigil::test
