/** A picture from the camera, where the browser has one. */

import { byId } from './page.js';

/** Connect a button; browsers give cameras only to pages with TLS or of this machine. */
export function startCamera(button, take) {
  if (!navigator.mediaDevices?.getUserMedia) return;
  const dialog = byId('camera-dialog');
  const video = dialog.querySelector('video');
  button.hidden = false;
  button.onclick = async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: 'environment' },
      });
      byId('camera-error').textContent = '';
    } catch (error) {
      byId('camera-error').textContent = `The camera cannot be used: ${error.message}`;
    }
    dialog.showModal();
  };
  video.onloadeddata = () => { byId('take').disabled = false; };
  byId('take').onclick = () => {
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d').drawImage(video, 0, 0);
    canvas.toBlob((blob) => {
      dialog.close();
      take(blob);
    }, 'image/jpeg');
  };
  dialog.onclose = () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
    byId('take').disabled = true;
  };
}
