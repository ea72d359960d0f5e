// The blocks of a file on several threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace gsz {

// Runs `work(i)` for i in [0, n) on `threads` threads; the first exception is thrown again here.
template <class Work>
void parallel(size_t n, int threads, Work work) {
    std::atomic<size_t> next{0};
    std::exception_ptr failure;
    std::mutex guard;
    auto run = [&] {
        for (size_t i; (i = next.fetch_add(1)) < n;) {
            try {
                work(i);
            } catch (...) {
                std::lock_guard lock(guard);
                if (!failure) failure = std::current_exception();
                next = n;
            }
        }
    };
    const int extra = static_cast<int>(std::min<size_t>(n, static_cast<size_t>(std::max(threads, 1)))) - 1;
    std::vector<std::thread> pool;
    try {
        for (int i = 0; i < extra; ++i) pool.emplace_back(run);
    } catch (const std::system_error &) {  // no more threads to be had: those there are do the work
    }
    run();
    for (auto &t : pool) t.join();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace gsz
