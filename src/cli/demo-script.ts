/** What the demo does at the console of the Debian guest: an intruder who guessed the password and looks around. */
export const demoScript = `
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
`;
