// Starts a command many times, one after the other, and prints how long each took: spawn_loop COUNT INPUT COMMAND ARGS. INPUT: a file that
// is its standard input, "-" for none. One line: COUNT numbers in microseconds, wall time from spawn to the end. A command that fails ends it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static double now_us(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

int main(int count, char** words) {
  if (count < 4) return 2;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, strcmp(words[2], "-") ? words[2] : "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  for (int i = 0; i < atoi(words[1]); i++) {
    const double began = now_us();
    pid_t child;
    const int error = posix_spawnp(&child, words[3], &files, NULL, words + 3, environ);
    if (error != 0) {
      fprintf(stderr, "spawn_loop: %s: %s\n", words[3], strerror(error));
      return 1;
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      fprintf(stderr, "spawn_loop: %s ended with status %d\n", words[3], status);
      return 1;
    }
    printf("%.1f ", now_us() - began);
  }
  printf("\n");
  return 0;
}
