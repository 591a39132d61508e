// SPDX-License-Identifier: GPL-2.0-only
#include "app/memory.hpp"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>

namespace vigil::app {

namespace {

// Segments that nobody writes, relocations included, are as they are in the file: what is needed of them comes back from
// the page cache by itself.
int forget_segments(dl_phdr_info* object, std::size_t, void*) {
  const auto page = static_cast<ElfW(Addr)>(sysconf(_SC_PAGESIZE));
  for (ElfW(Half) i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W)) continue;
    const auto start = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const auto end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    // The vDSO is no file; the kernel refuses, which is fine.
    (void)madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void forget_startup() {
  malloc_trim(0);
  dl_iterate_phdr(forget_segments, nullptr);
}

}  // namespace vigil::app
