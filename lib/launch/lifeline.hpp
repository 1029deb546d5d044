// Lifeline: one TCP connection from every rank to rank 0, which tells at once when a process dies: the kernel
// closes it. Carries a few bytes on how a rank ended; never data. A random token, exchanged through MPI,
// keeps strangers out.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/file_descriptor.hpp"

namespace lockstep {

enum class LifelineKind : char {
  bye = 'b',        // a clean end; the connection closes next
  signalled = 's',  // to rank 0; text: the signal's number
  error = 'e',      // to rank 0; text: exit code, a blank, the message
  ending = 'x',     // from rank 0, which ends all ranks; text: exit code, a blank, the message
  pulse = 'p',      // to and from rank 0, now and then; text: Pulse::text()
  recall = 'r',     // from rank 0: tell the last operations
  flight = 'f',     // to rank 0; text: the last operations, a line each
  hold = 'h',       // from rank 0: nobody begins a step until it says after which one all come together
  at_step = 'n',    // to rank 0, the answer; text: the step that the rank is in, or was about to begin
  meet = 'm',       // from rank 0: after which step, and what for; step_agreement.cpp
  deposed =
      'd',  // to rank 0 from the rank that ends the run in its place; text: exit code, a blank, the message
};

struct LifelineMessage {
  LifelineKind kind;
  std::string text;
};

// "exit code, a blank, the message"
std::string code_and_text(ExitCode code, const std::string& text);
std::pair<ExitCode, std::string> parse_code_and_text(const std::string& message);

class LifelineConnection {
 public:
  explicit LifelineConnection(FileDescriptor fd);
  int fd() const { return fd_.get(); }
  bool open() const { return fd_.valid(); }
  void close() { fd_.reset(); }
  // Never blocks and never throws: a peer that is gone needs no message.
  void send(LifelineKind kind, const std::string& text = {});
  // What has come, without blocking; closes itself when the peer has closed or died.
  std::vector<LifelineMessage> receive();

 private:
  FileDescriptor fd_;
  std::string pending_;  // the beginning of a message
};

using Deadline = std::chrono::steady_clock::time_point;

// Rank 0's end.
class LifelineListener {
 public:
  // Listens on these addresses of this host and on no others. Error when one cannot be had.
  explicit LifelineListener(const std::vector<std::string>& addresses);
  // "token address port address port..." for the other ranks.
  std::string invitation() const { return token_ + doors_text_; }
  // The connections of ranks 1..peers, in that order. Strangers, silent or not, keep nobody waiting. Error
  // when the ranks have not all come by the deadline.
  std::vector<LifelineConnection> accept_all(int peers, Deadline deadline);

 private:
  void admit(const std::string& greeting, FileDescriptor& fd, int peers,
             std::map<int, FileDescriptor>& accepted) const;

  std::vector<FileDescriptor> doors_;  // one an address
  std::string token_;
  std::string doors_text_;
};

// Tries the addresses of the invitation side by side, on rank 0's own node the loopback alone, until the
// deadline, then Error. A rank 0 that is slow to answer is waited for.
LifelineConnection connect_lifeline(const std::string& invitation, bool same_node, int rank,
                                    Deadline deadline);

}  // namespace lockstep
