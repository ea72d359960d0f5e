// A loop over independent blocks on std::threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <vector>

#if defined(__wasm__) && !defined(_REENTRANT)
#define GSZ_NO_THREADS
#else
#include <mutex>
#include <system_error>
#include <thread>
#endif

namespace gsz {

// Calls body(i) once for every i < count, in no particular order, on at most `threads` threads, this one included.
// The first exception is rethrown here after all workers have stopped. WebAssembly without threads loops in order.
template <class Body>
void parallel_for(std::size_t count, int threads, const Body &body) {
#ifdef GSZ_NO_THREADS
    threads = 1;
#endif
    const std::size_t workers = std::min<std::size_t>(std::max(threads, 1), count);
    if (workers <= 1) {
        for (std::size_t i = 0; i < count; ++i) body(i);
        return;
    }
#ifndef GSZ_NO_THREADS
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex guard;
    const auto work = [&] {
        try {
            for (std::size_t i; (i = next.fetch_add(1)) < count;) body(i);
        } catch (...) {
            const std::lock_guard<std::mutex> lock(guard);
            if (!failure) failure = std::current_exception();
            next = count;
        }
    };
    std::vector<std::thread> pool;
    pool.reserve(workers - 1);
    try {
        for (std::size_t i = 1; i < workers; ++i) pool.emplace_back(work);
    } catch (const std::system_error &) {
        // The system grants no more threads: those that started, and this one, do the work.
    }
    work();
    for (std::thread &thread : pool) thread.join();
    if (failure) std::rethrow_exception(failure);
#endif
}

// Blocks of `size` that cover `count` items.
inline std::size_t blocks(std::size_t count, std::size_t size) { return (count + size - 1) / size; }

}  // namespace gsz
