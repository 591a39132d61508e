// SPDX-License-Identifier: GPL-2.0-only
#include "wire/profiles.hpp"

namespace vigil::wire {

static_assert(static_cast<int>(policy::CpuPreference::any) == VIGIL_SET_ANY);
static_assert(static_cast<int>(policy::CpuPreference::vcache) == VIGIL_SET_VCACHE);
static_assert(static_cast<int>(policy::CpuPreference::frequency) == VIGIL_SET_FREQUENCY);
static_assert(static_cast<int>(policy::CpuPreference::performance) == VIGIL_SET_PERFORMANCE);
static_assert(static_cast<int>(policy::CpuPreference::efficient) == VIGIL_SET_EFFICIENT);
static_assert(static_cast<int>(policy::CpuPreference::low_power) == VIGIL_SET_LOW_POWER);
static_assert(static_cast<int>(policy::CpuPreference::preferred) == VIGIL_SET_PREFERRED);
static_assert(static_cast<int>(policy::SmtPreference::unset) == VIGIL_SMT_DEFAULT);
static_assert(static_cast<int>(policy::SmtPreference::whole_core) == VIGIL_SMT_WHOLE);
static_assert(static_cast<int>(policy::SmtPreference::share) == VIGIL_SMT_SHARE);

::vigil_profile encode_profile(const policy::ProfileSettings& settings) {
  ::vigil_profile out{};
  out.flags = VIGIL_PROFILE_USED;
  // What is background can begin a thousand processes a second; nobody waits for the end of its last, but for a mode it holds.
  if (settings.klass != WorkloadClass::batch || settings.mode) out.flags |= VIGIL_PROFILE_TOLD;
  if (settings.mode) out.flags |= VIGIL_PROFILE_PROMPT;
  if (settings.cpus) out.flags |= VIGIL_PROFILE_CPUS;
  if (settings.strict) out.flags |= VIGIL_PROFILE_STRICT;
  out.klass = settings.klass ? static_cast<__u8>(*settings.klass) : __u8{VIGIL_CLASS_COUNT};
  out.cpu_set = static_cast<__u8>(settings.cpus.value_or(policy::CpuPreference::any));
  out.smt = static_cast<__u8>(settings.smt);
  out.request_us = settings.slice_us.value_or(0);
  const auto boost = static_cast<__u32>(settings.boost);
  out.lead_us = boost * policy::kBoostLeadUs;
  out.share = 1024 + boost * 128;
  return out;
}

}  // namespace vigil::wire
