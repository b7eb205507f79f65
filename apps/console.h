// stderr and signals: progress, errors, Ctrl-C.
#pragma once

#include <atomic>
#include <functional>
#include <iosfwd>
#include <string>

#include "fabric/backend.h"
#include "fabric/error.h"

namespace weft {

// Prints "weft: error: ..." and returns the exit code that belongs to the error.
[[nodiscard]] int report_error(const Error& error);

// Progress on stderr: one line rewritten on a terminal, a line every few seconds elsewhere; nothing when quiet.
[[nodiscard]] Progress console_progress(bool quiet);
// Clears the progress line of a terminal.
void end_progress(bool quiet);

// Set by SIGINT and SIGTERM from the first call on; a second signal ends the process as usual.
[[nodiscard]] const std::atomic<bool>& interrupted();

// Runs `work` on a thread of its own. False when a signal came and the work did not end within the grace time: then
// it still runs, and the process has to end by leave(). Throws what `work` throws.
[[nodiscard]] bool run_interruptibly(const std::function<void()>& work);
// Ends the process at once, whatever still runs.
[[noreturn]] void leave(int exit_code);

// Whether a result can be written there, asked before the work that makes it; "" and "-" can. Errors: kEnvironment.
[[nodiscard]] Expected<void> check_writable(const std::string& path);

// Writes text to the file, or to stdout for "-". Errors: kEnvironment with the reason.
[[nodiscard]] Expected<void> write_file(const std::string& path, const std::string& text);

// The same for what is too large to hold. A file that was not finished is removed: half a plan misleads.
// Errors: kEnvironment with the reason, kInterrupted after a signal, or what `write` returns.
[[nodiscard]] Expected<void> write_stream(const std::string& path,
                                          const std::function<Expected<void>(std::ostream&)>& write);

}  // namespace weft
