"""Real servers without Docker, apt or mvn: what `saldo dev` and `saldo up` start on a bare machine.

`jars` fetches and proves the files, `kafka` and `registry` run them on the JRE of a Python package, `supervisor`
keeps any set of processes alive. Nothing here knows payments.
"""
