// Standard output as what it is: a file that can be full, closed, or a pipe that nobody reads.
#pragma once

#include <string_view>

namespace lockstep {

// Opens what is closed of stdin, stdout and stderr on /dev/null: it would become the first file that is
// opened, and our lines would go there. What is written to a stdout that was closed still fails. First in
// main().
void keep_standard_streams();

// Error(failed) "stdout: No space left on device" when something written to stdout so far, by whatever means,
// has not been taken. Every program calls it before it says that it has done what it was asked for.
void flush_standard_output();

// Writes the text and flushes it; the same error.
void write_standard_output(std::string_view text);

}  // namespace lockstep
