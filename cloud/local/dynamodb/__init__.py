"""DynamoDB over SQLite, answering boto3, pynamodb and powertools without leaving the machine."""
