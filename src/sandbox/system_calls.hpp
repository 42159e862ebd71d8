// The system call filter (seccomp): what a program inside never needs and a way out could be made of. For the calling process and all it
// starts, for good.
//
// A call is refused with an error that programs know how to live with (EPERM; ENOSYS where they have another way); calls of another
// architecture or of the x32 ABI end the process; calls that are newer than this list do not exist. A filter that is put on top inside
// (a browser's, bubblewrap's) can only refuse more; a second listener for notifications is refused by the kernel.
#pragma once

#include "base/result.hpp"
#include "sandbox/descriptor.hpp"

namespace interlock::sandbox {

// Needs no_new_privs. With `watch_exec`, execve and execveat wait for an answer over the descriptor that is returned (exec_watch.hpp);
// without, it is empty.
Result<Descriptor> filter_system_calls(bool watch_exec);

// Can this kernel notify, at all? Asked without a filter being installed.
bool can_filter_system_calls();
bool can_watch_exec();

}  // namespace interlock::sandbox
