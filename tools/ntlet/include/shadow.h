/* Services of the windowing system: the second table, as XP SP3 has it. SERVICE(number, name, words) */
SERVICE(0x1097, NtGdiFlush, 0)
SERVICE(0x1143, NtUserCallOneParam, 2)
