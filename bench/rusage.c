/* Runs a command; the last line on stderr is its CPU time, user and system, in microseconds. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long microseconds(struct timeval t) { return t.tv_sec * 1000000L + t.tv_usec; }

int main(int argc, char **argv) {
  struct rusage used;
  int status;
  pid_t child;
  if (argc < 2) return 2;
  child = fork();
  if (child == 0) {
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  wait4(child, &status, 0, &used);
  fprintf(stderr, "\n%ld %ld\n", microseconds(used.ru_utime), microseconds(used.ru_stime));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
