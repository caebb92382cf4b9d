# From all files callgrind wrote, the instructions per statement of the one backend
# that came by the mark three times: the third stretch less the second, by COUNT.
FNR == 1 { marked = 0 }
/^pid:/ { pid = $2 }
/^part:/ { part = $2 }
/^desc: Trigger:/ { marked = index($0, mark) > 0 }
/^totals:/ && marked {
    if (backend != "" && backend != pid) wrong = 1
    backend = pid
    parts++
    stretch[part] = $2
}
END {
    if (wrong || parts != 3) {
        print "callgrind wrote " parts + 0 " parts instead of 3" > "/dev/stderr"
        exit 1
    }
    printf "%.1f\n", (stretch[3] - stretch[2]) / count
}
