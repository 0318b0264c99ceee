#!/bin/sh
# Copies new photos of the camera to the web server's folder.
mkdir -p /var/www/html/photos
if [ -d /home/pi/photos ]; then
    cp -u /home/pi/photos/* /var/www/html/photos/
fi
