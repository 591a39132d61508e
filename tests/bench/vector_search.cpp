// SPDX-License-Identifier: GPL-2.0-only
//
// A vector search to be measured with and without Vigil: tools/vectordb_bench runs it. Its name makes it `vectordb` by the
// built-in rules.
//
// With hnswlib (where it was there at build time) it is a search: an HNSW index over random vectors, k nearest of random
// queries. Without, it is a *generator* of such a search's memory accesses, and says so: no index is built and nothing is
// found. Half of its queries walk a random graph as HNSW does (the best of 32 neighbours each time, a dependent cache miss a
// step, a distance to compute at each), half scan lists of vectors as IVF does.
//
//   vector_search [--engine hnswlib|generator] [--vectors N] [--dimensions N] [--threads N] [--seed N]
//
// It builds, prints a line of JSON, and then obeys stdin: `run SECONDS` is answered by a line of JSON with queries a second
// and latencies. End of input ends it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#if __has_include(<hnswlib/hnswlib.h>)
#define VIGIL_HNSWLIB
#include <hnswlib/hnswlib.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
#ifdef VIGIL_HNSWLIB
  std::string engine = "hnswlib";
#else
  std::string engine = "generator";
#endif
  std::size_t vectors = 100'000;
  std::size_t dimensions = 128;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t seed = 1;
};

class Engine {
 public:
  virtual ~Engine() = default;
  // One query; a number so that nothing is optimised away.
  virtual double query(const float* vector, std::mt19937_64& random) const = 0;
  virtual const char* name() const = 0;
};

std::vector<float> random_vectors(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> uniform;
  std::vector<float> out(count);
  for (auto& value : out) value = uniform(random);
  return out;
}

float distance(const float* a, const float* b, std::size_t dimensions) {
  float sum = 0;
  for (std::size_t i = 0; i < dimensions; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

class Generator final : public Engine {
 public:
  explicit Generator(const Options& options)
      : count_(options.vectors), dimensions_(options.dimensions), vectors_(random_vectors(count_ * dimensions_, options.seed)), neighbours_(count_ * kNeighbours) {
    std::mt19937_64 random(options.seed + 1);
    for (auto& neighbour : neighbours_) neighbour = static_cast<std::uint32_t>(random() % count_);
  }

  double query(const float* vector, std::mt19937_64& random) const override { return random() % 2 ? walk(vector, random) : scan(vector, random); }
  const char* name() const override { return "generator of accesses, not a search"; }

 private:
  static constexpr std::size_t kNeighbours = 32, kSteps = 48, kLists = 4, kListLength = 256;

  double walk(const float* vector, std::mt19937_64& random) const {
    std::size_t at = random() % count_;
    double sum = 0;
    for (std::size_t step = 0; step < kSteps; ++step) {
      float best = 1e30F;
      std::size_t next = at;
      for (std::size_t i = 0; i < kNeighbours; ++i) {
        const std::size_t neighbour = neighbours_[at * kNeighbours + i];
        const float d = distance(vector, &vectors_[neighbour * dimensions_], dimensions_);
        if (d < best) {
          best = d;
          next = neighbour;
        }
      }
      sum += best;
      at = next == at ? random() % count_ : next;
    }
    return sum;
  }

  double scan(const float* vector, std::mt19937_64& random) const {
    double best = 1e30;
    for (std::size_t list = 0; list < kLists; ++list) {
      const std::size_t first = random() % count_;
      for (std::size_t i = 0; i < kListLength; ++i)
        best = std::min<double>(best, distance(vector, &vectors_[(first + i) % count_ * dimensions_], dimensions_));
    }
    return best;
  }

  std::size_t count_, dimensions_;
  std::vector<float> vectors_;
  std::vector<std::uint32_t> neighbours_;
};

#ifdef VIGIL_HNSWLIB
class Hnsw final : public Engine {
 public:
  explicit Hnsw(const Options& options) : space_(options.dimensions), index_(&space_, options.vectors, 16, 100, options.seed) {
    const auto vectors = random_vectors(options.vectors * options.dimensions, options.seed);
    std::atomic<std::size_t> next{0};
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < options.threads; ++i)
      workers.emplace_back([&] {
        for (std::size_t n = next++; n < options.vectors; n = next++) index_.addPoint(&vectors[n * options.dimensions], n);
      });
    for (auto& worker : workers) worker.join();
    index_.setEf(64);
  }
  double query(const float* vector, std::mt19937_64&) const override { return index_.searchKnn(vector, 10).top().first; }
  const char* name() const override { return "hnswlib"; }

 private:
  hnswlib::L2Space space_;
  hnswlib::HierarchicalNSW<float> index_;
};
#endif

std::unique_ptr<Engine> make_engine(const Options& options) {
#ifdef VIGIL_HNSWLIB
  if (options.engine == "hnswlib") return std::make_unique<Hnsw>(options);
#endif
  if (options.engine == "generator") return std::make_unique<Generator>(options);
  std::fprintf(stderr, "vector_search: there is no engine '%s' in this build\n", options.engine.c_str());
  std::exit(2);
}

std::uint64_t resident_mib() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  statm >> all >> resident;
  return resident * 4096 >> 20;
}

void run(const Engine& engine, const Options& options, double seconds) {
  std::atomic<bool> stop{false};
  std::vector<std::vector<std::uint32_t>> latencies(options.threads);
  std::vector<double> sums(options.threads);
  std::vector<std::thread> workers;
  const auto begin = Clock::now();
  for (unsigned i = 0; i < options.threads; ++i)
    workers.emplace_back([&, i] {
      std::mt19937_64 random(options.seed + 100 + i);
      std::uniform_real_distribution<float> uniform;
      std::vector<float> query(options.dimensions);
      while (!stop.load(std::memory_order_relaxed)) {
        for (auto& value : query) value = uniform(random);
        const auto start = Clock::now();
        sums[i] += engine.query(query.data(), random);
        latencies[i].push_back(static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count()));
      }
    });
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (auto& worker : workers) worker.join();
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  std::vector<std::uint32_t> all;
  for (auto& each : latencies) all.insert(all.end(), each.begin(), each.end());
  std::sort(all.begin(), all.end());
  const auto quantile = [&](double share) { return all.empty() ? 0U : all[std::min(all.size() - 1, static_cast<std::size_t>(share * static_cast<double>(all.size())))]; };
  double check = 0;
  for (const auto sum : sums) check += sum;
  std::printf("{\"queries\":%zu,\"seconds\":%.3f,\"queries_per_s\":%.1f,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"check\":%.6g}\n", all.size(), took,
              static_cast<double>(all.size()) / took, quantile(0.5), quantile(0.99), quantile(1), check);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--engine") options.engine = argv[i + 1];
    else if (name == "--vectors") options.vectors = std::strtoull(argv[i + 1], nullptr, 10);
    else if (name == "--dimensions") options.dimensions = std::strtoull(argv[i + 1], nullptr, 10);
    else if (name == "--threads") options.threads = static_cast<unsigned>(std::strtoul(argv[i + 1], nullptr, 10));
    else if (name == "--seed") options.seed = std::strtoull(argv[i + 1], nullptr, 10);
    else {
      std::fprintf(stderr, "vector_search: unknown option %s\n", argv[i]);
      return 2;
    }
  }
  if (options.vectors < 1000 || options.vectors > 1'000'000'000 || options.dimensions < 4 || options.dimensions > 4096 || options.threads < 1 || options.threads > 4096) {
    std::fprintf(stderr, "vector_search: 1,000 to 1,000,000,000 vectors of 4 to 4,096 dimensions, 1 to 4,096 threads\n");
    return 2;
  }
  const auto begin = Clock::now();
  const auto engine = make_engine(options);
  std::printf("{\"engine\":\"%s\",\"search\":%s,\"vectors\":%zu,\"dimensions\":%zu,\"threads\":%u,\"build_seconds\":%.1f,\"resident_mib\":%llu}\n", engine->name(),
              options.engine == "generator" ? "false" : "true", options.vectors, options.dimensions, options.threads,
              std::chrono::duration<double>(Clock::now() - begin).count(), static_cast<unsigned long long>(resident_mib()));
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    double seconds = 0;
    if (std::sscanf(line.c_str(), "run %lf", &seconds) != 1 || seconds <= 0 || seconds > 3600) {
      std::fprintf(stderr, "vector_search: '%s' is no command; there is: run SECONDS\n", line.c_str());
      return 2;
    }
    run(*engine, options, seconds);
  }
  return 0;
}
