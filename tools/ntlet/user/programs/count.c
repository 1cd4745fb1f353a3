/*
 * Works the processor: counts to N million, by default 10. It makes no system call meanwhile, so it is only
 * by preemption that others run.
 */
#include "../user.h"

i32 program_main(const char *commandLine) {
  char line[64], *rest = line, *word;
  u32 millions = 10, count = 0, end;

  Format(line, sizeof line, "%s", commandLine);
  NextWord(&rest);
  word = NextWord(&rest);
  if (word && (!ParseNumber(word, &millions) || millions > 4000)) {
    Print(StandardOutput(), "usage: count [MILLIONS]\r\n");
    return 1;
  }
  end = millions * 1000000;
  while (count != end) {
    count++;
    __asm__ volatile("" : "+r"(count)); /* keeps the compiler from knowing the result */
  }
  Print(StandardOutput(), "Counted to %u.\r\n", count);
  return 0;
}
