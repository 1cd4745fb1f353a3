/*
 * Something that runs in the background: five times a second it wakes up, and every tenth time it leaves a
 * line in a log. beacon [ROUNDS] ends after that many; without a number it runs until it is killed.
 */
#include "../user.h"

#define LOG "C:\\WINNT\\Temp\\beacon.log"
#define INTERVAL 200 /* ms */
#define ROUNDS_PER_LINE 10

static void WriteLine(u32 round) {
  LARGE_INTEGER time;
  TIME_FIELDS fields;
  char line[96];
  u32 length;

  NtQuerySystemTime(&time);
  RtlTimeToTimeFields(&time, &fields);
  length = Format(line, sizeof line, "%04u-%02u-%02u %02u:%02u:%02u beacon %u round %u\r\n", fields.Year, fields.Month,
                  fields.Day, fields.Hour, fields.Minute, fields.Second, NtCurrentTeb()->ClientId.UniqueProcess, round);
  AppendFile(LOG, line, length); /* a full disk is no reason to stop */
}

i32 program_main(const char *commandLine) {
  char line[64], *rest = line, *word;
  u32 rounds = 0, round;

  Format(line, sizeof line, "%s", commandLine);
  NextWord(&rest);
  word = NextWord(&rest);
  if (word && !ParseNumber(word, &rounds)) {
    Print(StandardOutput(), "usage: beacon [ROUNDS]\r\n");
    return 1;
  }
  for (round = 1; !rounds || round <= rounds; round++) {
    Sleep(INTERVAL);
    if (round % ROUNDS_PER_LINE == 0) WriteLine(round);
  }
  return 0;
}
