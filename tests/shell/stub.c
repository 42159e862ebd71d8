// Every program of a generated line: notes its arguments in the file that LOG names, each record whole, and succeeds, or, where its name begins
// with f, fails. A record is the line's number, the count of words, and the words, each ended by a NUL.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  static char record[1 << 16];
  size_t at = 0;
  at += (size_t)sprintf(record + at, "%s", getenv("LINE")) + 1;
  at += (size_t)sprintf(record + at, "%d", argc) + 1;
  for (int i = 0; i < argc; i++) {
    const size_t length = strlen(argv[i]) + 1;
    if (at + length > sizeof record) return 99;
    memcpy(record + at, argv[i], length);
    at += length;
  }
  const int log = open(getenv("LOG"), O_WRONLY | O_APPEND);
  if (write(log, record, at) != (ssize_t)at) return 98;
  const char* name = strrchr(argv[0], '/');
  name = name ? name + 1 : argv[0];
  if (strncmp(name, "p", 1) == 0)
    for (int i = 1; i < argc; i++) printf("%s\n", argv[i]);
  return name[0] == 'f';
}
