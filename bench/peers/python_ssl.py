"""Python's ssl over blocking sockets."""
import os
import resource
import socket
import ssl
import sys

from work import ECHO, REQUEST, Job, mark, report

job = Job(sys.argv[1:])
context = session = stream = None
kept = []


def make_context():
    global context
    context = ssl.create_default_context(cafile=None if job.is_system else job.ca)


def connect():
    sock = socket.create_connection((job.address, job.port))
    return context.wrap_socket(sock, server_hostname=job.host, session=session)


def read(conn, view):
    done = 0
    while done < len(view):
        n = conn.recv_into(view[done:])
        assert n > 0, "the stream has ended"
        done += n


def exchange(conn, text):
    conn.sendall(text)
    read(conn, memoryview(bytearray(len(text))))


def close(conn):
    """SSLSocket.close sends no close_notify; unwrap would wait for the other's."""
    conn.close()


def full():
    close(connect())


def first():
    conn = connect()
    exchange(conn, REQUEST)
    close(conn)


def begin_resumed():
    global session
    conn = connect()
    exchange(conn, REQUEST)
    session = conn.session
    close(conn)


def resumed():
    global session
    conn = connect()
    assert conn.session_reused, "it was not resumed"
    exchange(conn, REQUEST)
    session = conn.session
    close(conn)


def memory():
    conn = connect()
    if job.param:
        exchange(conn, REQUEST)
    kept.append(conn)


def begin_stream():
    global stream
    stream = connect()


def nothing():
    pass


view = memoryview(bytearray(job.param))
workloads = {
    "full": (nothing, full), "cold": (nothing, full), "first": (nothing, first),
    "resumed": (begin_resumed, resumed), "memory": (nothing, memory),
    "download": (begin_stream, lambda: read(stream, view)),
    "upload": (begin_stream, lambda: stream.sendall(job.block)),
    "echo": (begin_stream, lambda: exchange(stream, ECHO)),
}
begin, op = workloads[job.workload]
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
since = mark()
make_context()
begin()
for _ in range(job.warm_count()):
    op()
if job.warm_count():
    since = mark()
for _ in range(job.count):
    op()
report(job, since, mark())
os._exit(0)
