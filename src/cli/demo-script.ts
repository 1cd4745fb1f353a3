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
  /** What was shown, about this trace. */
  readonly conclusion: (file: string) => string;
  /** Commands to go on with, without `rebek`; `file` is quoted for a shell. */
  readonly next: (file: string) => readonly (readonly [command: string, what: string])[];
}

const inspect = (file: string) =>
  [
    [`info ${file}`, 'what it knows about itself'],
    [`dump ${file} --stream console`, 'the session, readable'],
  ] as const;
const verify = (file: string) => [`verify ${file}`, 'every byte, then every state hash'] as const;

const ntlet: Demo = {
  truth: true,
  recording:
    "two people at the two consoles of the guest, from power-on. This is what the first one's console says:",
  script: `
timeout 60
wait "login: "
console 1
wait "login: "
log "the guest is up: Administrator logs in at console 0"
console 0
send "Administrator\\n"
wait "assword: "
send "honey\\n"
wait "C:\\\\> "
log "… and guest at console 1, at the same time"
console 1
send "guest\\n"
wait "assword: "
send "guest\\n"
wait "C:\\\\> "
console 0
send "dir\\n"
console 1
send "dir\\n"
wait "C:\\\\> "
console 0
wait "C:\\\\> "
log "both leave"
send "exit\\n"
console 1
send "exit\\n"
wait "login: "
console 0
wait "login: "
end
`,
  conclusion: (
    file,
  ) => `A whole PC was recorded while two people used it at once. The trace ${file} holds all that the PC could
not know by itself; replaying it executed every instruction of kernel and programs again, with the
same result. It will do so on any machine, as often as there are questions.`,
  next: (file) => [
    ...inspect(file),
    [`dump ${file} --stream truth --limit 40`, 'what the kernel says of itself: every system call'],
    [`truth ${file}`, 'whether that is consistent, and in figures'],
    verify(file),
    ['record', 'a guest of your own to play in (guest, password guest)'],
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
  conclusion: (
    file,
  ) => `A whole PC was recorded while someone broke into it. The trace ${file} holds all that the PC could not
know by itself; replaying it executed every instruction of kernel and programs again, with the
same result. It will do so on any machine, as often as there are questions.`,
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
