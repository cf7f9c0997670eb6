"""Cloud Storage, JSON API v1.

An object is the file `ROOT/buckets/BUCKET/OBJECT`, and any file that another program puts or edits there is
an object. Uploads are streamed to the disk and renamed into place, so that `kill -9` leaves an object old
or new; resumable uploads go on afterwards. What differs from the service:

- `x` and `x/y` can't both exist: the second is refused with 409. An object whose name ends in a slash is
  kept as a folder; its content, if any, is outside of `ROOT/buckets`.
- Names with an empty segment (`a//b`, `/a`), with `.` or `..` as a segment, or with more than 255 bytes
  between two slashes are refused with 400. Where the file system ignores case, so do names.
- Symbolic links are neither listed nor followed.
- No soft delete, retention, holds, or encryption keys; asking for them answers 501. Lifecycle rules, CORS and
  website settings are kept and shown, never carried out.
- In a bucket with Object Versioning, what a request replaces or deletes becomes a noncurrent version, kept
  outside of `ROOT/buckets`; what another program replaces or removes there is gone.
- IAM policies of buckets are kept and shown; who may do what is said by the emulator's accounts alone.
  Buckets have uniform bucket-level access unless they say else: access control lists are refused with the
  service's 400, and with 501 in a bucket without it. There are no notifications: the list is empty.
- A power cut may lose the newest objects: nothing is forced to the disk.
- Answers are never narrowed by `fields` or `projection`. The XML API has the methods on objects that signed
  URLs need, the list of a bucket's objects, and multipart uploads; without credentials or permission it
  answers in JSON.
"""
