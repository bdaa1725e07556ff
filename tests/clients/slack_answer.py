"""A chat that signs as Slack does, by PyPI's `slack_sdk`: sends one slash command and prints what is answered.

    slack_answer.py TEAM USER TEXT
"""

import json
import os
import sys
import time
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from slack_sdk.signature import SignatureVerifier

team, user, text = sys.argv[1:]
fields = {"token": "x", "team_id": team, "team_domain": "t", "channel_id": "C1", "user_id": user, "user_name": "é & co", "command": "/bulkhead", "text": text}
body = urlencode(fields)
now = str(int(time.time()))
verifier = SignatureVerifier(os.environ["SLACK_SIGNING_SECRET"])
signature = verifier.generate_signature(timestamp=now, body=body)
assert verifier.is_valid(body=body, timestamp=now, signature=signature)
headers = {
    "Content-Type": "application/x-www-form-urlencoded",
    "X-Slack-Request-Timestamp": now,
    "X-Slack-Signature": signature,
}
request = Request(os.environ["BULKHEAD_CHAT_URL"], data=body.encode(), headers=headers, method="POST")
try:
    answer = build_opener(ProxyHandler({})).open(request)
except HTTPError as no:
    answer = no
print(json.dumps({"status": answer.status, "body": json.loads(answer.read())}))
