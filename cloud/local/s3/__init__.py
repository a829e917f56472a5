"""S3 of the local runtime: objects in a folder, answered to boto3 and over HTTP."""
