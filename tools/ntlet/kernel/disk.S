/* What the RAM disk begins with: name, first byte, end. See io.c. */
.macro FILE name, file
.section .rodata.names, "a"
1: .asciz "\name"
.section .rodata.files, "a"
.balign 4
2: .incbin "\file"
3:
.section .rodata.table, "a"
  .long 1b, 2b, 3b
.endm
.section .rodata.table, "a"
.balign 4
.global IoInitialFiles, IoInitialFilesEnd
IoInitialFiles:
FILE "\\WINNT\\system32\\ntdll.dll", "ntdll.bin"
FILE "\\WINNT\\system32\\smss.exe", "smss.bin"
FILE "\\WINNT\\system32\\winlogon.exe", "winlogon.bin"
FILE "\\WINNT\\system32\\cmd.exe", "cmd.bin"
FILE "\\WINNT\\system32\\stress.exe", "stress.bin"
FILE "\\WINNT\\system32\\fetch.exe", "fetch.bin"
FILE "\\WINNT\\system32\\beacon.exe", "beacon.bin"
FILE "\\WINNT\\system32\\count.exe", "count.bin"
FILE "\\WINNT\\system32\\fuzz.exe", "fuzz.bin"
FILE "\\WINNT\\system32\\config\\sam", "sam"
FILE "\\boot.ini", "boot.ini"
FILE "\\readme.txt", "readme.txt"
FILE "\\Documents\\passwords.txt", "passwords.txt"
FILE "\\Documents\\payroll.csv", "payroll.csv"
.section .rodata.table, "a"
IoInitialFilesEnd:
