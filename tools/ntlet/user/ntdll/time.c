/* Time: NT counts 100 ns since the beginning of 1601, which begins a cycle of 400 years. */
#include "../user.h"

/*
 * Divides in two steps by the processor's 64 by 32 bits: the first one's remainder keeps the second from
 * overflowing.
 */
LARGE_INTEGER NTAPI RtlExtendedLargeIntegerDivide(LARGE_INTEGER Dividend, u32 Divisor, u32 *Remainder) {
  u32 high = (u64)Dividend >> 32, low = Dividend, rest = 0;

  __asm__("div %2" : "+a"(high), "+d"(rest) : "r"(Divisor));
  __asm__("div %2" : "+a"(low), "+d"(rest) : "r"(Divisor));
  if (Remainder) *Remainder = rest;
  return (u64)high << 32 | low;
}

static u32 IsLeapYear(u32 year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

void NTAPI RtlTimeToTimeFields(LARGE_INTEGER *Time, TIME_FIELDS *TimeFields) {
  static const u8 monthLengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  LARGE_INTEGER total = RtlExtendedLargeIntegerDivide(*Time, 10000, NULL);
  u32 milliseconds, day, year = 1601, month = 0, length;

  day = RtlExtendedLargeIntegerDivide(total, 86400000, &milliseconds);
  TimeFields->Weekday = (day + 1) % 7; /* 1 January 1601 was a Monday */
  while (day >= (length = 365 + IsLeapYear(year))) {
    day -= length;
    year++;
  }
  while (day >= (length = monthLengths[month] + (month == 1 && IsLeapYear(year)))) {
    day -= length;
    month++;
  }
  TimeFields->Year = year;
  TimeFields->Month = month + 1;
  TimeFields->Day = day + 1;
  TimeFields->Hour = milliseconds / 3600000;
  TimeFields->Minute = milliseconds / 60000 % 60;
  TimeFields->Second = milliseconds / 1000 % 60;
  TimeFields->Milliseconds = milliseconds % 1000;
}
